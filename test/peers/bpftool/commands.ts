import { mapInfo, objectIds, programInfo, withObject } from "../../../src/inspect/index.ts";
import type { Kernel } from "../../../src/kernel/index.ts";

/** One command line that thrice tools run. */
export interface ComparedCommand {
  readonly words: readonly string[];
  /** Answers are compared as bytes, as data, or by their exit codes alone. */
  readonly as: "text" | "json" | "code";
}

const SHOWS: readonly (readonly string[])[] = [
  ["prog", "show"],
  ["map", "show"],
  ["link", "show"],
  ["btf", "show"],
  ["net", "show"],
  ["net", "show", "dev", "lo"],
  ["perf", "show"],
  ["cgroup", "tree"],
  ["cgroup", "show", "/sys/fs/cgroup"],
  ["cgroup", "show", "/sys/fs/cgroup", "effective"],
  ["struct_ops", "show"],
  ["token", "show"],
];

/** Lines that nobody means, whose exit codes must agree. */
const MISTAKES: readonly (readonly string[])[] = [
  ["bogus"],
  ["prog", "bogus"],
  ["prog", "show", "id", "4000000000"],
  ["prog", "show", "id", "x"],
  ["prog", "show", "tag", "nonsense"],
  ["prog", "show", "name", "no_such_program"],
  ["prog", "dump", "xlated"],
  ["prog", "dump", "xlated", "id", "4000000000"],
  ["prog", "run", "id", "4000000000", "data_in", "/dev/null"],
  ["prog", "load", "/no/such/file", "/sys/fs/bpf/x"],
  ["prog", "load", "/dev/null", "/sys/fs/bpf/x"],
  ["map", "show", "id", "4000000000"],
  ["map", "dump", "name", "no_such_map"],
  ["map", "lookup", "id", "4000000000", "key", "0"],
  ["link", "show", "id", "4000000000"],
  ["link", "detach", "id", "4000000000"],
  ["btf", "dump", "id", "4000000000"],
  ["btf", "show", "id", "4000000000"],
  ["btf", "dump", "file", "/no/such/file"],
  ["btf", "dump", "file", "/dev/null"],
  ["btf", "dump", "file", "/bin/busybox"],
  ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "format", "d"],
  ["btf", "dump", "file", "/sys/kernel/btf/vmlinux", "root_id", "99999999"],
  ["cgroup", "show", "/no/such/dir"],
  ["cgroup", "show", "/tmp"],
  ["net", "attach", "xdp", "id", "4000000000", "dev", "lo"],
  ["net", "detach", "xdp", "dev", "no_such_dev"],
  ["net", "attach", "bogus", "id", "1", "dev", "lo"],
  ["feature", "list_builtins", "bogus"],
  ["batch", "file", "/no/such/file"],
  ["batch"],
  ["struct_ops", "unregister", "id", "4000000000"],
  ["-Z"],
];

/** A guest takes half a second for each command line: what lists show of each object is asked of few by itself. */
const FEW = 3;

const LISTS = ["prog_types", "map_types", "attach_types", "link_types", "helpers"];

/** For people and for machines. */
function twice(words: readonly string[]): ComparedCommand[] {
  return [
    { words, as: "text" },
    { words: ["-j", ...words], as: "json" },
  ];
}

function thrice(words: readonly string[]): ComparedCommand[] {
  return [...twice(words), { words: ["-p", ...words], as: "json" }];
}

/** Everything that can be asked of what is in the kernel now. */
export function comparedCommands(kernel: Kernel, object: string | undefined): ComparedCommand[] {
  const programs = [...objectIds(kernel, "prog")];
  const maps = [...objectIds(kernel, "map")];
  return [
    ...SHOWS.flatMap(thrice),
    ...["prog", "map", "link"].flatMap((kind) => thrice(["-f", kind, "show"])),
    ...programs.flatMap((id) => programCommands(kernel, id)),
    ...maps.flatMap((id) => mapCommands(kernel, id)),
    ...maps.slice(0, FEW).flatMap((id) => twice(["map", "show", "id", String(id)])),
    ...[...objectIds(kernel, "link")]
      .slice(0, FEW)
      .flatMap((id) => twice(["link", "show", "id", String(id)])),
    ...[...objectIds(kernel, "btf")].flatMap((id) => btfCommands(id).flatMap(twice)),
    ...(object === undefined ? [] : fileCommands(object)),
    ...vmlinuxCommands(kernel),
    ...LISTS.flatMap((list) => thrice(["feature", "list_builtins", list])),
    { words: ["feature", "probe"], as: "text" },
    ...MISTAKES.map((words): ComparedCommand => ({ words, as: "code" })),
  ];
}

/** Each dump reads the kernel's list of symbols, which is slow in a guest: every way only where lines are known. */
function programCommands(kernel: Kernel, id: number): ComparedCommand[] {
  const program = ["id", String(id)];
  const { tag, lineCount } = withObject(kernel, "prog", id, (fd) => programInfo(kernel, fd));
  const dump = ["prog", "dump", "xlated"];
  const lines = [
    [...dump, ...program, "opcodes", "linum"],
    ...(lineCount === 0
      ? []
      : [
          ["prog", "show", ...program],
          [...dump, ...program],
          [...dump, ...program, "linum"],
          [...dump, "tag", tag, "opcodes"],
          ["prog", "show", "tag", tag],
        ]),
  ];
  return lines.flatMap((words): ComparedCommand[] => [
    { words, as: "text" },
    { words: ["-j", ...words], as: "json" },
  ]);
}

function mapCommands(kernel: Kernel, id: number): ComparedCommand[] {
  const map = ["id", String(id)];
  const { keySize } = withObject(kernel, "map", id, (fd) => mapInfo(kernel, fd));
  const zeros = Array.from({ length: keySize }, () => "0");
  return [
    ...twice(["map", "dump", ...map]),
    ...twice(["map", "lookup", ...map, ...(keySize > 0 ? ["key", ...zeros] : [])]),
    { words: ["map", "getnext", ...map], as: "text" },
  ];
}

/** The kernel's own, the first, is compared by its file. */
function btfCommands(id: number): string[][] {
  return id > 1 ? [["btf", "dump", "id", String(id)]] : [];
}

function fileCommands(file: string): ComparedCommand[] {
  return [
    { words: ["btf", "dump", "file", file], as: "text" },
    { words: ["-j", "btf", "dump", "file", file], as: "json" },
    { words: ["btf", "dump", "file", file, "format", "c"], as: "text" },
    { words: ["btf", "dump", "file", file, "format", "c", "unsorted"], as: "text" },
  ];
}

function vmlinuxCommands(kernel: Kernel): ComparedCommand[] {
  if (!kernel.files.hasBtf()) return [];
  const file = ["btf", "dump", "file", "/sys/kernel/btf/vmlinux"];
  return [
    { words: file, as: "text" },
    { words: [...file, "format", "c"], as: "text" },
    { words: [...file, "format", "c", "unsorted"], as: "text" },
    { words: [...file, "format", "c", "root_id", "100", "root_id", "2000"], as: "text" },
  ];
}

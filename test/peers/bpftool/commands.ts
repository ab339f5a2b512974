import { join } from "node:path";
import { existsSync } from "node:fs";
import { eachObject, mapInfo, objectIds, programInfo, withObject } from "../../../src/inspect/index.ts";
import type { Kernel } from "../../../src/kernel/index.ts";
import { BPF_MAP_TYPE } from "../../../src/uapi/index.ts";

/** One command line that both tools run. */
export interface ComparedCommand {
  readonly words: readonly string[];
  /** Answers are compared as bytes, as data, or by their exit codes alone. */
  readonly as: "text" | "json" | "code";
  /** bpfkit runs as users start it, in a process of its own; the others are calls of what that process calls. */
  readonly process?: true;
}

/** Lines of a batch file, which the tests write before. */
export const BATCH = {
  file: "/tmp/batch",
  text: "# two commands, the second in two lines\nmap show name hash\nprog \\\n  show name 'xdp'\n",
} as const;

const VMLINUX = "/sys/kernel/btf/vmlinux";
/** Types that continue the kernel's own. */
const MODULE = "/sys/kernel/btf/veth";
const CGROUPS = "/sys/fs/cgroup";

/** In text, in JSON, and in pretty JSON. */
const SHOWS: readonly (readonly string[])[] = [
  ["prog", "show"],
  ["map", "show"],
  ["link", "show"],
  ["btf", "show"],
  ["net", "show"],
  ["net", "show", "dev", "lo"],
  ["net", "show", "dev", "own_dummy"],
  ["perf", "show"],
  ["cgroup", "tree"],
  ["cgroup", "tree", CGROUPS, "effective"],
  ["cgroup", "tree", `${CGROUPS}/outer`],
  ["cgroup", "show", CGROUPS],
  ["cgroup", "show", CGROUPS, "effective"],
  ["cgroup", "show", `${CGROUPS}/outer/inner`],
  ["cgroup", "show", `${CGROUPS}/outer/inner`, "effective"],
  ["struct_ops", "show"],
  ["struct_ops", "show", "name", "by_map"],
  ["struct_ops", "dump"],
  ["token", "show"],
  ["batch", "file", BATCH.file],
  ["-f", "prog", "show"],
  ["-f", "map", "show"],
  ["-f", "link", "show"],
  ["prog", "show", "pinned", "/sys/fs/bpf/program_xdp"],
  ["map", "show", "pinned", "/sys/fs/bpf/map_hash"],
  ["map", "show", "name", "hash"],
  ["map", "dump", "pinned", "/sys/fs/bpf/map_hash"],
  ["link", "show", "pinned", "/sys/fs/bpf/link_raw_tracepoint"],
];

/** Options beside -j, -p and -f, and shortened words: in text and in JSON. */
const OPTIONS: readonly (readonly string[])[] = [
  ["-m", "map", "show"],
  ["-n", "prog", "show"],
  ["-d", "link", "show"],
  ["--json", "map", "show", "name", "hash"],
  ["--pretty", "prog", "show", "name", "xdp"],
  ["--bpffs", "--nomount", "map", "list"],
  ["p"],
  ["m", "s", "n", "hash"],
  ["l", "l"],
  ["b", "f", BATCH.file],
  ["c", "t"],
  ["help"],
  ["prog", "help"],
  ["map", "he"],
  ["feature", "help"],
  ["-h"],
];

/** What is asked of the kernel by loading thousands of programs, which takes seconds each. */
const PROBES: readonly ComparedCommand[] = [
  { words: ["feature", "probe"], as: "text" },
  { words: ["-j", "feature", "probe", "full", "unprivileged"], as: "json" },
  { words: ["feature", "probe", "dev", "lo"], as: "text" },
  { words: ["-p", "feature", "probe", "dev", "lo"], as: "json" },
  { words: ["feature", "probe", "macros", "prefix", "HAS_"], as: "text" },
];

/** Lines that are also seen through the program's start. */
const PROCESSES: readonly ComparedCommand[] = [
  { words: ["prog", "show"], as: "text", process: true },
  { words: ["-j", "map", "dump", "name", "hash"], as: "json", process: true },
  { words: ["-p", "net", "show"], as: "json", process: true },
  { words: ["batch", "file", BATCH.file], as: "text", process: true },
  { words: ["map", "lookup", "name", "hash", "key", "9", "9", "9", "9"], as: "text", process: true },
  { words: ["prog", "dump", "xlated", "name", "pass", "file", "/dev/stdout"], as: "text", process: true },
  { words: ["link", "show", "id", "4000000000"], as: "code", process: true },
  { words: ["version"], as: "code", process: true },
  { words: ["-V"], as: "code", process: true },
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

const LISTS = ["prog_types", "map_types", "attach_types", "link_types", "helpers"];

/** Of what lists show of each object, some is asked of a few by itself. */
const FEW = 3;

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

/** Everything that can be asked of what is in the kernel now; `objects`: where compiled ones are. */
export function comparedCommands(kernel: Kernel, objects: string): ComparedCommand[] {
  const maps = [...objectIds(kernel, "map")];
  const links = [...objectIds(kernel, "link")];
  return [
    ...SHOWS.flatMap(thrice),
    ...OPTIONS.flatMap(twice),
    { words: ["iter"], as: "text" },
    ...differentPrograms(kernel).flatMap(([id, tag]) => programCommands(kernel, id, tag)),
    ...maps.flatMap((id) => mapCommands(kernel, id)),
    ...maps.slice(0, FEW).flatMap((id) => twice(["map", "show", "id", String(id)])),
    ...links.slice(0, FEW).flatMap((id) => twice(["link", "show", "id", String(id)])),
    ...[...objectIds(kernel, "btf")].flatMap((id) => btfCommands(id).flatMap(twice)),
    ...["programs", "struct-ops"].flatMap((name) => fileCommands(join(objects, `${name}.bpf.o`))),
    ...vmlinuxCommands(kernel),
    ...LISTS.flatMap((list) => thrice(["feature", "list_builtins", list])),
    ...MISTAKES.map((words): ComparedCommand => ({ words, as: "code" })),
    { words: ["prog", "dump", "xlated", "name", "pass", "visual", "linum"], as: "text" },
    ...PROCESSES,
    ...PROBES,
  ];
}

/** The first program of each tag: those of the same tag have the same instructions, and `show` has listed all. */
function differentPrograms(kernel: Kernel): (readonly [id: number, tag: string])[] {
  const byTag = new Map<string, number>();
  for (const { id, tag } of eachObject(kernel, "prog", programInfo)) if (!byTag.has(tag)) byTag.set(tag, id);
  return [...byTag].map(([tag, id]) => [id, tag]);
}

/** Every way only where lines are known: the others have nothing more to show. */
function programCommands(kernel: Kernel, id: number, tag: string): ComparedCommand[] {
  const program = ["id", String(id)];
  const { lineCount } = withObject(kernel, "prog", id, (fd) => programInfo(kernel, fd));
  const dump = ["prog", "dump", "xlated"];
  const all = twice([...dump, ...program, "opcodes", "linum"]);
  if (lineCount === 0) return all;
  return [
    ...all,
    ...twice(["prog", "show", ...program]),
    { words: [...dump, ...program], as: "text" },
    { words: [...dump, ...program, "linum"], as: "text" },
    { words: ["-j", ...dump, "tag", tag], as: "json" },
    { words: ["btf", "dump", "prog", ...program], as: "text" },
    ...twice(["prog", "show", "tag", tag]),
  ];
}

function mapCommands(kernel: Kernel, id: number): ComparedCommand[] {
  const map = ["id", String(id)];
  const { type, keySize, btfId } = withObject(kernel, "map", id, (fd) => mapInfo(kernel, fd));
  const zeros = Array.from({ length: keySize }, () => "0");
  return [
    ...twice(["map", "dump", ...map]),
    { words: ["map", "lookup", ...map, ...(keySize > 0 ? ["key", ...zeros] : [])], as: "text" },
    ...(keySize > 0 ? [{ words: ["map", "getnext", ...map, "key", ...zeros], as: "text" } as const] : []),
    { words: ["-j", "map", "getnext", ...map], as: "json" },
    ...(btfId > 0 && type !== BPF_MAP_TYPE.STRUCT_OPS
      ? ["key", "value", "kv", "all"].flatMap((part) => mapTypeCommands(map, part))
      : []),
    ...(type === BPF_MAP_TYPE.STRUCT_OPS ? twice(["struct_ops", "dump", ...map]) : []),
  ];
}

function mapTypeCommands(map: readonly string[], part: string): ComparedCommand[] {
  const dump = ["btf", "dump", "map", ...map, part];
  return [
    { words: dump, as: "text" },
    { words: [...dump, "format", "c"], as: "text" },
  ];
}

/** The kernel's own, the first, is compared by its file. */
function btfCommands(id: number): string[][] {
  return id > 1 ? [["btf", "dump", "id", String(id)]] : [];
}

function fileCommands(file: string): ComparedCommand[] {
  if (!existsSync(file)) return [];
  return [
    { words: ["btf", "dump", "file", file], as: "text" },
    { words: ["-j", "btf", "dump", "file", file], as: "json" },
    { words: ["btf", "dump", "file", file, "format", "c"], as: "text" },
    { words: ["btf", "dump", "file", file, "format", "c", "unsorted"], as: "text" },
  ];
}

/** All of the kernel's types are compared by npm run peers:btf. */
function vmlinuxCommands(kernel: Kernel): ComparedCommand[] {
  if (!kernel.files.hasBtf()) return [];
  const file = ["btf", "dump", "file", VMLINUX];
  return [
    { words: [...file, "format", "c", "root_id", "100", "root_id", "2000"], as: "text" },
    ...(existsSync(MODULE)
      ? [
          ["btf", "dump", "file", MODULE],
          ["-B", VMLINUX, "btf", "dump", "file", MODULE],
        ].flatMap(twice)
      : []),
  ];
}

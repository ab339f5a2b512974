import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sample, uint8Array } from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { BtfBuilder } from "../../src/btf/index.ts";
import { programInfo } from "../../src/inspect/index.ts";
import { exit, moveImmediate } from "../../src/isa/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import type { LoadedObject } from "../../src/loader/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE, ERRNO } from "../../src/uapi/index.ts";
import { lasting, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

/** One line on a kernel that stays open. */
async function run(
  words: readonly string[],
  host: Kernel,
): Promise<{ code: number; out: string; err: string }> {
  let out = "";
  let err = "";
  const code = await runTool(words, {
    openKernel: async () => Promise.resolve(lasting(host)),
    out: (text) => (out += Buffer.from(text).toString("latin1")),
    err: (text) => (err += text),
  });
  return { code, out, err };
}

function openDescriptors(): number {
  return readdirSync("/proc/self/fd").length;
}

describe.skipIf(kernel === undefined)("mistakes on bpftool's command lines", () => {
  let host: Kernel;
  let loaded: LoadedObject;
  let folder: string;
  const name = `twin${process.pid % 10_000}`;
  beforeAll(() => {
    host = kernel!;
    folder = mkdtempSync(join(tmpdir(), "bpfkit-mistakes-"));
    const program = {
      section: "socket",
      type: BPF_PROG_TYPE.SOCKET_FILTER,
      relocations: [],
      functions: [],
      lines: [],
    };
    const insns = [moveImmediate(0, 0), exit()];
    loaded = loadObject(
      {
        license: "GPL",
        maps: [
          { name, type: BPF_MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 4, flags: 0 },
          { name: `${name}.`, type: BPF_MAP_TYPE.QUEUE, keySize: 0, valueSize: 4, maxEntries: 4, flags: 0 },
        ],
        programs: [
          { ...program, name, insns },
          { ...program, name: `${name}-`, insns },
          { ...program, name: `${name}+`, insns },
        ],
      },
      { kernel: host },
    );
  });
  afterAll(() => {
    loaded[Symbol.dispose]();
    host[Symbol.dispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  /** All three programs are the same instructions. */
  const tag = (): string => programInfo(host, loaded.programs.get(name)!.fd).tag;

  const lines: readonly (readonly [
    what: string,
    words: () => readonly string[],
    code: number,
    message: RegExp,
  ])[] = [
    [
      "an unknown program",
      () => ["prog", "show", "id", "4000000000"],
      255,
      /get by id \(4000000000\): No such file/,
    ],
    [
      "an unknown link",
      () => ["link", "show", "id", "4000000000"],
      254,
      /link with ID 4000000000: No such file/,
    ],
    ["an unknown link to detach", () => ["link", "detach", "id", "4000000000"], 1, /link with ID/],
    ["an unknown BTF object", () => ["btf", "dump", "id", "4000000000"], 254, /BTF object by id/],
    ["an id that is no number", () => ["prog", "show", "id", "12x"], 255, /can't parse 12x as ID/],
    ["an id beyond 32 bits", () => ["map", "show", "id", "4294967296"], 255, /can't parse 4294967296 as ID/],
    [
      "a name of several programs",
      () => ["prog", "pin", "name", `${name}_`, "/sys/fs/bpf/x"],
      255,
      /several programs match/,
    ],
    [
      "a tag of several programs",
      () => ["prog", "attach", "tag", tag(), "msg_verdict", "name", name],
      255,
      /several programs match/,
    ],
    [
      "a form that links have not",
      () => ["link", "show", "name", "x"],
      255,
      /expected 'id' or 'pinned' for LINK, got: 'name'/,
    ],
    [
      "a path that is no pin",
      () => ["prog", "show", "pinned", "/etc/passwd"],
      255,
      /bpf obj get \(\/etc\/passwd\)/,
    ],
    [
      "too few bytes",
      () => ["map", "lookup", "name", name, "key", "1", "2"],
      255,
      /key expected 4 bytes got 2/,
    ],
    [
      "a byte that is none",
      () => ["map", "lookup", "name", name, "key", "1", "2", "3", "256"],
      255,
      /error parsing byte: 256/,
    ],
    [
      "a value for a lookup",
      () => ["map", "lookup", "name", name, "key", "1", "2", "3", "4", "value", "1"],
      255,
      /unnecessary value/,
    ],
    [
      "two keys",
      () => ["map", "delete", "name", name, "key", "1", "2", "3", "4", "key", "1"],
      255,
      /duplicate key/,
    ],
    ["no key", () => ["map", "update", "name", name, "value", "1", "2", "3", "4"], 255, /did not find key/],
    [
      "a key for a queue",
      () => ["map", "update", "name", `${name}_`, "key", "1"],
      255,
      /no map with name|unnecessary key/,
    ],
    [
      "a type of file that is none",
      () => ["btf", "dump", "file", "/etc/passwd", "format", "elf"],
      95,
      /failed to load BTF from/,
    ],
    [
      "an object that is none",
      () => ["prog", "load", "/etc/passwd", "/sys/fs/bpf/x"],
      255,
      /failed to open object file/,
    ],
    [
      "a directory that is none",
      () => ["cgroup", "tree", "/no/such"],
      255,
      /can't open cgroup \/no\/such: No such file or directory/,
    ],
    ["too few words to pin", () => ["map", "pin"], 234, /'pin' needs at least 3 arguments, 0 found/],
    [
      "types of another kernel that are none",
      () => ["prog", "load", "/etc/passwd", "/sys/fs/bpf/x", "kernel_btf", "/etc/passwd"],
      255,
      /failed to load BTF from \/etc\/passwd/,
    ],
    [
      "a skeleton of what is no object",
      () => ["gen", "skeleton", "/etc/passwd"],
      255,
      /failed to open object file \/etc\/passwd/,
    ],
    [
      "an attach type that is none",
      () => ["net", "attach", "xdpfast", "id", "1", "dev", "lo"],
      234,
      /invalid net attach\/detach type: xdpfast/,
    ],
    ["a device that is none", () => ["net", "detach", "xdp", "dev", "nodev9"], 234, /invalid devname nodev9/],
    [
      "a device to probe that is none",
      () => ["feature", "probe", "dev", "nodev9"],
      255,
      /unrecognized netdevice 'nodev9'/,
    ],
    [
      "a prefix without macros",
      () => ["feature", "probe", "prefix", "X_"],
      255,
      /only be used after 'macros'/,
    ],
    ["an unknown option", () => ["-Z", "prog", "show"], 255, /unrecognized option '-Z'/],
    ["an option of another build", () => ["-S", "prog", "show"], 255, /option '-S' is not supported/],
    [
      "a loader program",
      () => ["-L", "prog", "load", "x", "y"],
      255,
      /loader program \(-L\) is not supported/,
    ],
    [
      "a light skeleton",
      () => ["-L", "gen", "skeleton", "x"],
      255,
      /light skeletons \(-L\) are not supported/,
    ],
    [
      "a struct_ops map that is none",
      () => ["struct_ops", "unregister", "name", "no_such"],
      255,
      /no struct_ops found for no_such|types \(BTF\)/,
    ],
  ];

  test.each(lines)("%s", async (_what, words, code, message) => {
    const before = openDescriptors();
    const result = await run(words(), host);
    expect({ code: result.code, err: result.err }).toEqual({ code, err: expect.stringMatching(message) });
    expect(result.err.match(/^Error: /gm)).toHaveLength(1);
    expect(JSON.parse((await run(["-j", ...words()], host)).out)).toHaveProperty("error");
    expect(openDescriptors()).toBe(before);
  });

  test("a batch file stops at the first line that fails", async () => {
    const file = join(folder, "batch");
    writeFileSync(file, `# twins\nmap show name ${name}\nmap \\\nshow name 'no such'\nprog show\n`);
    const { code, out, err } = await run(["batch", "file", file], host);
    expect({ code, err }).toEqual({ code: 255, err: "Error: no map with name no such\n" });
    expect(out).toContain(`name ${name}`);
    const answers: unknown = JSON.parse((await run(["-j", "batch", "file", file], host)).out);
    expect(answers).toMatchObject([
      { command: ["map", "show", "name", name] },
      { command: ["map", "show", "name", "no such"], output: { error: "no map with name no such" } },
    ]);
  });

  test("BTF files cut anywhere, or with any byte changed, give one error or their types", async () => {
    const types = new BtfBuilder();
    const int = types.signedInt("int", 4);
    types.struct("s", 8, [{ name: "a", type: int, bitOffset: 0, bitSize: 0 }]);
    types.typedef("t", types.pointer(2));
    const whole = types.encode();
    const file = join(folder, "btf");
    for (let length = 0; length < whole.length; length += 3) {
      writeFileSync(file, whole.subarray(0, length));
      // oxlint-disable-next-line no-await-in-loop -- one file, one content after another
      const { code, err } = await run(["btf", "dump", "file", file], host);
      expect(code === 0 || err.startsWith("Error: failed to load BTF from")).toBe(true);
    }
    const before = openDescriptors();
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = changed[at]! ^ 0x81;
      writeFileSync(file, changed);
      for (const format of [[], ["format", "c"]])
        // oxlint-disable-next-line no-await-in-loop -- as above
        expect((await run(["btf", "dump", "file", file, ...format], host)).code).toBeLessThan(256);
    }
    expect(openDescriptors()).toBe(before);
  });

  test("any bytes as an object file are refused without a crash", async () => {
    const file = join(folder, "object");
    for (const bytes of sample(uint8Array({ maxLength: 300 }), 20)) {
      writeFileSync(file, Buffer.concat([Buffer.from("\x7fELF", "latin1"), bytes]));
      // oxlint-disable-next-line no-await-in-loop -- one file, one content after another
      const { code, err } = await run(["prog", "load", file, join(folder, "pin")], host);
      expect({ code, err }).toEqual({ code: 255, err: expect.stringMatching(/failed to open object file/) });
    }
  });

  test("a program that goes away while it is dumped is one error, and nothing stays open", async () => {
    const before = openDescriptors();
    let asked = 0;
    const vanishing = lasting(host, {
      objectInfo: (fd, info, pointers) => {
        if (++asked > 1) throw new SyscallError("bpf(OBJ_GET_INFO_BY_FD)", ERRNO.ENOENT);
        return host.objectInfo(fd, info, pointers);
      },
    });
    const { code, err } = await run(["prog", "dump", "xlated", "name", name], vanishing);
    expect(code).toBe(255);
    expect(err.match(/^Error: /gm)).toHaveLength(1);
    expect(openDescriptors()).toBe(before);
  });

  test("who may not ask is told which capability is missing", async () => {
    const hint = "The process lacks CAP_SYS_ADMIN: run it as root";
    const denied = lasting(host, {
      bpf: () => {
        throw new SyscallError("bpf(PROG_GET_NEXT_ID)", ERRNO.EPERM, { hints: [hint] });
      },
    });
    const { code, err } = await run(["prog", "show"], denied);
    expect({ code, err }).toEqual({ code: 255, err: expect.stringContaining(`Hint: ${hint}`) });
  });
});

import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { CError, compileC } from "../../src/c/index.ts";
import { linkInfo, mapInfo } from "../../src/inspect/index.ts";
import { openEmbeddedKernel } from "../../src/kernel/embedded/index.ts";
import { ownBtf } from "../../src/kernel/embedded/types/index.ts";
import { SyscallError, asFd } from "../../src/kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../../src/kernel/index.ts";
import { load } from "../../src/library/index.ts";
import { BPF_ATTACH_TYPE, BPF_LINK_TYPE } from "../../src/uapi/index.ts";
import { lasting, onEmbedded, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();
const object = kernel?.files.hasBtf() ? compile(kernel.files.btf()) : undefined;
const skip = !object;

afterAll(() => kernel?.[Symbol.dispose]());

function compile(btf: Uint8Array): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-iterators-"));
  const file = join(folder, "iterators.bpf.o");
  try {
    const source = fileURLToPath(new URL("iterators.bpf.c", import.meta.url));
    compileC(source, file, { btf, arch: process.arch, args: ["-Wall"] });
    return readFileSync(file);
  } catch (error) {
    if (!(error instanceof CError) || error.code !== "c/compile") throw error;
    console.log(`Skipped: ${error.message}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

type Loaded = Awaited<ReturnType<typeof loadIterators>>;

async function loadIterators(globals: Readonly<Record<string, unknown>> = {}, on: Kernel = kernel!) {
  return load(object!, { kernel: lasting(on), globals });
}

const words = (...values: readonly number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

function link(loaded: Loaded, name: string, iter_info?: Uint8Array): Fd {
  return loaded.kernel.bpf("LINK_CREATE", {
    prog_fd: loaded.program(name).fd,
    attach_type: BPF_ATTACH_TYPE.TRACE_ITER,
    ...(iter_info && { iter_info }),
  });
}

function mapOf(loaded: Loaded, name: string): Fd {
  return loaded.maps[name]!.fd;
}

/** All that a program writes. */
function output(loaded: Loaded, name: string, iter_info?: Uint8Array): Buffer {
  const on = loaded.kernel;
  const fd = link(loaded, name, iter_info);
  try {
    return Buffer.concat([...readAll(on, fd, 64 * 1024)]);
  } finally {
    on.close(fd);
  }
}

function* readAll(on: Kernel, link_fd: Fd, room: number): Generator<Uint8Array> {
  const reader = on.bpf("ITER_CREATE", { link_fd });
  try {
    const buffer = new Uint8Array(room);
    for (let count = on.read(reader, buffer); count > 0; count = on.read(reader, buffer))
      yield buffer.slice(0, count);
  } finally {
    on.close(reader);
  }
}

const lines = (bytes: Buffer): string[] => bytes.toString().trim().split("\n");

function errorOf(run: () => unknown): string {
  try {
    run();
    return "none";
  } catch (error) {
    if (error instanceof SyscallError) return error.errnoName;
    throw error;
  }
}

async function seesObjects(on: Kernel): Promise<void> {
  using loaded = await loadIterators({}, on);
  expect(lines(output(loaded, "maps"))).toEqual([
    "iterated_hash 1 4 8 64",
    "iterated_cpus 6 4 8 3",
    "iterated_queue 22 0 4 3",
    "end",
  ]);
  expect(lines(output(loaded, "progs"))).toEqual(["progs 26 1"]);
  // The link that is read is there too.
  expect(lines(output(loaded, "links"))).toEqual(["links 1"]);
}

async function seesThisProcess(on: Kernel): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-iterated-"));
  const path = join(folder, "file");
  writeFileSync(path, "x");
  const fd = openSync(path, "r");
  try {
    using loaded = await loadIterators({ wanted_pid: process.pid, wanted_fd: fd }, on);
    const comm = readFileSync("/proc/self/comm", "utf8").trim();
    expect(lines(output(loaded, "tasks"))).toEqual([`${process.pid} ${process.pid} ${process.ppid} ${comm}`]);
    // Of one thread alone, and of one that is not there.
    expect(lines(output(loaded, "tasks", words(process.pid)))).toHaveLength(1);
    expect(lines(output(loaded, "tasks", words(0, process.pid)))).toHaveLength(1);
    expect(output(loaded, "tasks", words(0x3fff_ffff)).toString()).toBe("");
    expect(lines(output(loaded, "files"))).toEqual([`${fd} 81a4 ${path}`]);
    const [first = ""] = readFileSync("/proc/self/maps", "latin1").split("\n");
    const [range = "", permissions = ""] = first.split(" ");
    const flags = ["r", "w", "x"].reduce(
      (sum, letter, bit) => sum | (permissions[bit] === letter ? 1 << bit : 0),
      0,
    );
    const [start, end] = range.split("-").map((address) => Number.parseInt(address, 16).toString(16));
    expect(lines(output(loaded, "mappings"))[0]).toBe(`${start}-${end} ${flags.toString(16)}`);
  } finally {
    closeSync(fd);
    rmSync(folder, { recursive: true, force: true });
  }
}

test.skipIf(skip)("maps, programs and links are iterated over", async () => seesObjects(kernel!));

test.skipIf(skip)("tasks, their files and their mappings are iterated over", async () =>
  seesThisProcess(kernel!),
);

test.runIf(onEmbedded)("the embedded kernel's own types serve as well as a real kernel's", async () => {
  using own = openEmbeddedKernel({ btf: ownBtf() });
  await seesObjects(own);
  await seesThisProcess(own);
});

test.skipIf(skip)("elements of maps are iterated over, and changed", async () => {
  using loaded = await loadIterators();
  const [hash, cpus] = [mapOf(loaded, "iterated_hash"), mapOf(loaded, "iterated_cpus")];
  const update = (map_fd: Fd, key: number, value: Uint8Array): void =>
    kernel!.bpf("MAP_UPDATE_ELEM", { map_fd, key: words(key), value });
  for (const key of [1, 2, 3]) update(hash, key, new Uint8Array(BigUint64Array.of(BigInt(key) * 10n).buffer));
  const once = lines(output(loaded, "hash_elements", words(hash))).sort();
  expect(once).toEqual(["1=10", "2=20", "3=30"]);
  expect(lines(output(loaded, "hash_elements", words(hash))).sort()).toEqual(["1=11", "2=21", "3=31"]);
  const each = new BigUint64Array(kernel!.files.possibleCpus().length).fill(7n);
  update(cpus, 1, new Uint8Array(each.buffer));
  const bytes = output(loaded, "cpu_elements", words(cpus));
  expect([0, 12, 24].map((at) => [bytes.readUInt32LE(at), bytes.readBigUInt64LE(at + 4)])).toEqual([
    [0, 0n],
    [1, 7n],
    [2, 0n],
  ]);
});

test.skipIf(skip)("reads take what has room, and go on where they stopped", async () => {
  using loaded = await loadIterators();
  const map_fd = mapOf(loaded, "iterated_hash");
  for (let key = 0; key < 64; key++)
    kernel!.bpf("MAP_UPDATE_ELEM", { map_fd, key: words(key), value: new Uint8Array(8) });
  const info = words(map_fd);
  for (const room of [700, 1024, 5000, 64 * 1024]) {
    const fd = link(loaded, "much", info);
    const chunks = [...readAll(kernel!, fd, room)].map((chunk) => chunk.length);
    kernel!.close(fd);
    expect(chunks.reduce((sum, size) => sum + size, 0)).toBe(64 * 1024);
    expect(chunks).toMatchSnapshot(`reads of ${room}`);
  }
  const all = output(loaded, "much", info);
  const numbers = Array.from({ length: 64 }, (_, index) => all[index * 1024]! - 48);
  expect(numbers).toEqual(Array.from({ length: 64 }, (_, index) => index & 7));
});

test.skipIf(skip)(
  "programs that write too much, or ask for the same object again, fail the read",
  async () => {
    using loaded = await loadIterators();
    const map_fd = mapOf(loaded, "iterated_cpus");
    expect(errorOf(() => output(loaded, "too_much", words(map_fd)))).toBe("E2BIG");
    expect(errorOf(() => output(loaded, "again", words(map_fd)))).toBe("EAGAIN");
  },
);

test.skipIf(skip)("a link tells what it iterates over", async () => {
  using loaded = await loadIterators();
  const map_fd = mapOf(loaded, "iterated_hash");
  const told = (name: string, info?: Uint8Array): unknown => {
    const fd = link(loaded, name, info);
    const { type, detail } = linkInfo(kernel!, fd);
    kernel!.close(fd);
    return [type, detail];
  };
  const { pid } = process;
  const { id: mapId } = mapInfo(kernel!, map_fd);
  const { ITER } = BPF_LINK_TYPE;
  expect(told("maps")).toMatchObject([ITER, { kind: "iter", target: "bpf_map", mapId: 0 }]);
  expect(told("hash_elements", words(map_fd))).toMatchObject([ITER, { target: "bpf_map_elem", mapId }]);
  expect(told("tasks", words(pid))).toMatchObject([ITER, { target: "task", tid: pid, pid: 0 }]);
  expect(told("tasks", words(0, pid))).toMatchObject([ITER, { target: "task", tid: 0, pid }]);
});

test.skipIf(skip)("links and readers are refused as the kernel does", async () => {
  using loaded = await loadIterators();
  const create = (name: string, rest: Partial<BpfAttr["LINK_CREATE"]>): string =>
    errorOf(() => {
      const fd = kernel!.bpf("LINK_CREATE", {
        prog_fd: loaded.program(name).fd,
        attach_type: BPF_ATTACH_TYPE.TRACE_ITER,
        ...rest,
      });
      kernel!.close(fd);
    });
  const queue = mapOf(loaded, "iterated_queue");
  expect({
    "without a map": create("hash_elements", {}),
    "with descriptor 0": create("hash_elements", { iter_info: words(0) }),
    "with what is no map": create("hash_elements", { iter_info: words(loaded.program("maps").fd) }),
    "with what is no descriptor": create("hash_elements", { iter_info: words(99_999) }),
    "over a queue": create("hash_elements", { iter_info: words(queue) }),
    "with a target": create("maps", { target_fd: queue }),
    "with flags": create("maps", { flags: 1 }),
    "at another hook": create("maps", { attach_type: BPF_ATTACH_TYPE.TRACE_FENTRY }),
    "what follows is zero": create("maps", { iter_info: words(0, 0, 0, 0, 0) }),
    "what follows is not zero": create("maps", { iter_info: words(0, 0, 0, 0, 1) }),
    "two kinds of task": create("tasks", { iter_info: words(1, 1) }),
    "no descriptor of a process": create("tasks", { iter_info: words(0, 0, 99_999) }),
  }).toMatchInlineSnapshot(`
    {
      "at another hook": "EINVAL",
      "no descriptor of a process": "EBADF",
      "over a queue": "EINVAL",
      "two kinds of task": "EINVAL",
      "what follows is not zero": "E2BIG",
      "what follows is zero": "none",
      "with a target": "EINVAL",
      "with descriptor 0": "EBADF",
      "with flags": "EINVAL",
      "with what is no descriptor": "EBADF",
      "with what is no map": "EINVAL",
      "without a map": "EBADF",
    }
  `);
  const fd = link(loaded, "maps");
  const reader = kernel!.bpf("ITER_CREATE", { link_fd: fd });
  expect({
    flags: errorOf(() => kernel!.bpf("ITER_CREATE", { link_fd: fd, flags: 1 })),
    "a map": errorOf(() => kernel!.bpf("ITER_CREATE", { link_fd: queue })),
    "no descriptor": errorOf(() => kernel!.bpf("ITER_CREATE", { link_fd: asFd(99_999) })),
    detach: errorOf(() => kernel!.bpf("LINK_DETACH", { link_fd: fd })),
    "info of a reader": errorOf(() => kernel!.objectInfo(reader, new Uint8Array(8))),
    "pin of a reader": errorOf(() =>
      kernel!.bpf("OBJ_PIN", { bpf_fd: reader, pathname: "/sys/fs/bpf/none" }),
    ),
  }).toMatchInlineSnapshot(`
    {
      "a map": "EINVAL",
      "detach": "EOPNOTSUPP",
      "flags": "EINVAL",
      "info of a reader": "EINVAL",
      "no descriptor": "EBADF",
      "pin of a reader": "EINVAL",
    }
  `);
  kernel!.close(fd);
  // A reader outlives its link.
  expect(kernel!.read(reader, new Uint8Array(1024))).toBeGreaterThan(0);
  kernel!.close(reader);
  const update = link(loaded, "maps");
  const replace = (name: string): string =>
    errorOf(() => kernel!.bpf("LINK_UPDATE", { link_fd: update, new_prog_fd: loaded.program(name).fd }));
  expect([replace("maps"), replace("progs")]).toEqual(["none", "EINVAL"]);
  kernel!.close(update);
});

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createSocket, type Socket } from "node:dgram";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { attachAll, AttachError } from "../../src/attach/index.ts";
import { Features, loadObject, memoryStore } from "../../src/loader/index.ts";
import { asFd, type Fd, type Kernel } from "../../src/kernel/index.ts";
import type { MapSpec, ObjectSpec } from "../../src/object/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { BPF_MAP_TYPE } from "../../src/uapi/index.ts";
import { countingObject } from "./counting-object.ts";
import { usdtExecutable } from "./usdt-executable.ts";

const able =
  process.geteuid?.() === 0 && process.arch === "x64" && existsSync("/sys/bus/event_source/devices/uprobe");
const TICKS = 5;
const SPEC_BYTES = 208;

/** Probes of a program that only this test runs. */
describe.skipIf(!able)("objects attach themselves to a program", () => {
  let folder = "";
  let ticker = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "bpfkit-attach-"));
  });
  // A file for each test: the kernel forgets a probe's semaphore some time after its end, and until then refuses a probe
  // with another one at that place (alloc_uprobe in kernel/events/uprobes.c).
  beforeEach(() => {
    ticker = join(mkdtempSync(join(folder, "test-")), "ticker");
    writeFileSync(ticker, usdtExecutable(TICKS));
    chmodSync(ticker, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("by uprobe at an offset and by USDT, whose arguments are put into libbpf's map", async () => {
    using kernel = await openKernel();
    const before = openFiles();
    {
      using object = loadObject(withSpecs([`usdt/${ticker}:demo:tick`, `uprobe/${ticker}:0x105`]), {
        kernel,
      });
      using attached = attachAll(context(kernel), object);
      expect([...attached.links.keys()]).toEqual(["count_0", "count_1"]);
      expect(attached.left).toEqual([]);
      execFileSync(ticker);
      const hits = object.maps.get("hits")!;
      expect(hits.entries().map(({ value }) => value[0])).toEqual([TICKS, 1]);
      const [spec] = object.maps.get("__bpf_usdt_specs")!.entries();
      const view = new DataView(spec!.value.buffer, spec!.value.byteOffset);
      // A constant 42 of 4 bytes; register si (pt_regs offset 104) of 4 signed bytes.
      expect([view.getBigUint64(0, true), view.getUint8(8), view.getUint8(15)]).toEqual([42n, 0, 32]);
      expect([view.getUint8(24), view.getInt16(28, true), view.getUint8(30), view.getUint8(31)]).toEqual([
        1, 104, 1, 32,
      ]);
      expect(view.getInt16(200, true)).toBe(2);
    }
    expect(openFiles()).toBe(before);
  });

  it("detached programs run no more", async () => {
    using kernel = await openKernel();
    using object = loadObject(countingObject([{ section: `uprobe/${ticker}:0x10a` }]), { kernel });
    const attached = attachAll(context(kernel), object);
    execFileSync(ticker);
    attached[Symbol.dispose]();
    execFileSync(ticker);
    expect(object.maps.get("hits")!.entries()[0]!.value[0]).toBe(TICKS);
  });

  it("all or nothing: what is attached is taken off when a later one fails", async () => {
    using kernel = await openKernel();
    const sections = [`uprobe/${ticker}:0x10a`, `usdt/${ticker}:demo:tock`];
    using object = loadObject(withSpecs(sections), { kernel });
    const before = openFiles();
    expect(() => attachAll(context(kernel), object)).toThrow(AttachError);
    expect(() => attachAll(context(kernel), object)).toThrow(/no such probe/);
    expect(openFiles()).toBe(before);
    execFileSync(ticker);
    expect(object.maps.get("hits")!.entries()[0]!.value[0]).toBe(0);
  });

  it("a socket filter keeps datagrams from its socket, until it is taken off", async () => {
    using kernel = await openKernel();
    using loaded = loadObject(countingObject([{ section: "socket", result: 0 }]), { kernel });
    const receiver = createSocket("udp4");
    try {
      await new Promise<void>((resolve) => {
        receiver.bind(0, "127.0.0.1", resolve);
      });
      const attached = attachAll(context(kernel), loaded, { socket: descriptorOf(receiver) });
      await send(receiver, "kept away");
      expect(loaded.maps.get("hits")!.entries()[0]!.value[0]).toBe(1);
      attached[Symbol.dispose]();
      const received = new Promise<string>((resolve) => {
        receiver.once("message", (message) => resolve(message.toString()));
      });
      await send(receiver, "let in");
      expect(await received).toBe("let in");
    } finally {
      receiver.close();
    }
  });

  it("programs of a sockmap attach to the map that they are given", async () => {
    using kernel = await openKernel();
    const sections = [
      { section: "sk_msg", result: 1 },
      { section: "sk_skb/stream_verdict", result: 1 },
    ];
    const object = countingObject(sections);
    const sockets = { name: "sockets", type: BPF_MAP_TYPE.SOCKMAP, keySize: 4, valueSize: 4 };
    const spec = { ...object, maps: [...object.maps, { ...sockets, maxEntries: 2, flags: 0 }] };
    using loaded = loadObject(spec, { kernel });
    const before = openFiles();
    {
      using attached = attachAll(context(kernel), loaded, { sockmap: loaded.maps.get("sockets")!.fd });
      expect([...attached.links.keys()]).toEqual(["count_0", "count_1"]);
    }
    expect(openFiles()).toBe(before);
  });

  it("says what is missing where the section leaves it open", async () => {
    using kernel = await openKernel();
    using object = loadObject(countingObject([{ section: "xdp", result: 2 }]), { kernel });
    using attached = attachAll(context(kernel), object);
    expect(attached.left.map(({ choice }) => choice.open)).toEqual(["a network interface"]);
  });
});

function context(kernel: Kernel): Parameters<typeof attachAll>[0] {
  return { kernel, features: new Features(kernel, memoryStore()) };
}

function withSpecs(sections: readonly string[]): ObjectSpec {
  const object = countingObject(sections.map((section) => ({ section })));
  const specs: MapSpec = {
    name: "__bpf_usdt_specs",
    type: BPF_MAP_TYPE.ARRAY,
    keySize: 4,
    valueSize: SPEC_BYTES,
    maxEntries: 4,
    flags: 0,
  };
  return { ...object, maps: [...object.maps, specs] };
}

/** Of the process's sockets the one bound to that port, as /proc/net/udp names it by its inode. */
function descriptorOf(socket: Socket): Fd {
  const port = socket.address().port.toString(16).toUpperCase().padStart(4, "0");
  const row = readFileSync("/proc/self/net/udp", "utf8")
    .split("\n")
    .find((line) => line.includes(`0100007F:${port} `));
  const inode = row?.trim().split(/\s+/)[9];
  const fd = readdirSync("/proc/self/fd").find((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === `socket:[${inode}]`;
    } catch {
      return false;
    }
  });
  return asFd(Number(fd));
}

async function send(receiver: Socket, text: string): Promise<void> {
  const sender = createSocket("udp4");
  await new Promise<void>((resolve) => {
    sender.send(text, receiver.address().port, "127.0.0.1", () => resolve());
  });
  sender.close();
}

function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}

import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { BtfBuilder, BtfLinkage } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { assemble } from "../isa/index.ts";
import { assembleObject, compile, load, trace } from "../library/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import { readPcap, testKernel, toLcov } from "./index.ts";

/** Counts packets by their protocol and drops those of ICMP. */
const FILTER = `
  r2 = *(u32 *)(r1 +0)
  r3 = *(u32 *)(r1 +4)
  r4 = r2
  r4 += 34
  if r4 > r3 goto pass
  r5 = *(u8 *)(r2 +23)
  *(u32 *)(r10 -4) = r5
  r6 = r5
  r1 = map[fd:0]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto pass
  r1 = *(u64 *)(r0 +0)
  r1 += 1
  *(u64 *)(r0 +0) = r1
  r0 = 1
  if r6 == 1 goto done
pass:
  r0 = 2
done:
  exit`;

const FILTER_LINE = { file: "filter.c", column: 1 };

function filter(): ObjectSpec {
  const types = new BtfBuilder();
  const int = types.int("int", 4, 1);
  const main = types.func("filter", types.prototype(int, []), BtfLinkage.Global);
  const insns = assemble(FILTER);
  return {
    license: "GPL",
    btf: types.encode(),
    maps: [
      { name: "protocols", type: BPF_MAP_TYPE.ARRAY, keySize: 4, valueSize: 8, maxEntries: 256, flags: 0 },
    ],
    programs: [
      {
        name: "filter",
        section: "xdp",
        type: 6,
        insns,
        relocations: [{ kind: "map", insn: 8, map: "protocols" }],
        functions: [{ insn: 0, typeId: main }],
        lines: [
          { ...FILTER_LINE, insn: 0, line: 10, text: "int filter(struct xdp_md *ctx)" },
          { ...FILTER_LINE, insn: 5, line: 12, text: "protocol = packet[23];" },
          { ...FILTER_LINE, insn: 17, line: 14, text: "if (protocol == ICMP) return XDP_DROP;" },
          { ...FILTER_LINE, insn: insns.length - 2, line: 16, text: "return XDP_PASS;" },
        ],
      },
    ],
  };
}

function ipv4(protocol: number, size = 64): Uint8Array {
  const packet = new Uint8Array(size);
  packet[12] = 8;
  packet[23] = protocol;
  return packet;
}

async function available(): Promise<readonly ("embedded" | "linux")[]> {
  try {
    using kernel = await testKernel({ kernel: "linux" });
    await kernel.load(assembleObject("xdp", "w0 = 2\nexit"));
    return ["embedded", "linux"];
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    console.log(`Skipped: no bpf(2) here: ${error.message}`);
    return ["embedded"];
  }
}

describe.each(await available())("the same test on %s", (name) => {
  test("packets, maps and results", async () => {
    using kernel = await testKernel({ kernel: name });
    const object = await kernel.load(filter());
    const program = object.program("filter");
    const verdicts = [6, 1, 17, 6].map((protocol) => kernel.run(program, { packet: ipv4(protocol) }).result);
    expect(verdicts).toEqual([2, 1, 2, 2]);
    expect(kernel.run(program, { packet: ipv4(6, 20) }).result).toBe(2);
    const value = new Uint8Array(8);
    const { fd } = object.map("protocols");
    const key = new Uint8Array([6, 0, 0, 0]);
    expect(kernel.port.bpf("MAP_LOOKUP_ELEM", { map_fd: fd, key, value })).toBe(true);
    expect(value[0]).toBe(2);
  });
});

describe("the embedded kernel in tests", () => {
  test("tasks, their memory and events", async () => {
    using kernel = await testKernel();
    const object = await kernel.load(
      assembleObject(
        "raw_tp/sys_enter",
        "r6 = r1\nr3 = *(u64 *)(r1 +0)\nr1 = r10\nr1 += -8\nr2 = 8\ncall bpf_probe_read_user\nr0 = *(u64 *)(r10 -8)\nexit",
      ),
    );
    const program = object.program("program");
    const context = new Uint8Array(BigUint64Array.of(0x7fff0000n).buffer);
    const memory = new Map([[0x7fff0000n, new Uint8Array([7, 0, 0, 0, 0, 0, 0, 0])]]);
    expect(kernel.run(program, { context, task: { memory } }).result).toBe(7);
    expect(kernel.run(program, { context }).result).toBe(0);
    using _link = program.attach();
    expect(kernel.raise("rawtracepoint:sys_enter", context, { pid: 7 })).toBe(1);
    expect(kernel.raise("rawtracepoint:sys_exit", context)).toBe(0);
  });

  test("scripts run on events that a test raises", async () => {
    using kernel = await testKernel();
    const script = await compile(
      'rawtracepoint:sys_enter { @[comm] = count(); } END { printf("%d\\n", 5); }',
      {
        kernel: kernel.port,
      },
    );
    const session = await trace(script, { kernel: kernel.port });
    const events: unknown[] = [];
    for await (const event of session) {
      events.push(event);
      if (event.kind !== "attached") continue;
      for (let time = 0; time < 3; time++)
        kernel.raise("rawtracepoint:sys_enter", new Uint8Array(16), { comm: "cat" });
      session.stop();
    }
    expect(events).toMatchObject([
      { kind: "attached" },
      { kind: "printf", args: [5] },
      { kind: "map", map: { name: "@", entries: [{ key: "cat", value: 3 }] } },
    ]);
  });

  test("time stands still but where it is told to pass", async () => {
    using kernel = await testKernel({ time: 5_000_000_000n });
    const object = await kernel.load(assembleObject("socket", "call bpf_ktime_get_ns\nexit"));
    const now = (): number => kernel.run(object.program("program"), { packet: new Uint8Array(14) }).result;
    const first = now();
    expect(now()).toBe(first);
    kernel.advance(2);
    expect(now()).toBe(first + 2_000_000);
  });

  test("programs that only asked what the kernel can do are not covered", async () => {
    using kernel = await testKernel({ coverage: true });
    const insns = Uint8Array.of(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    kernel.port.close(kernel.port.bpf("PROG_LOAD", { prog_type: BPF_PROG_TYPE.XDP, insns, license: "GPL" }));
    const named = { prog_type: BPF_PROG_TYPE.XDP, insns, license: "GPL", prog_name: "named" };
    kernel.port.close(kernel.port.bpf("PROG_LOAD", named));
    expect(kernel.coverage().map(({ name }) => name)).toEqual(["named"]);
  });

  test("coverage of lines and instructions", async () => {
    using kernel = await testKernel({ coverage: true });
    const object = await kernel.load(filter());
    for (const protocol of [6, 17]) kernel.run(object.program("filter"), { packet: ipv4(protocol) });
    const [covered] = kernel.coverage();
    expect(covered?.instructions[0]).toBe(2);
    expect(covered?.lines.map(({ line, count }) => [line, count])).toEqual([
      [10, 2],
      [12, 2],
      [14, 2],
      [16, 2],
    ]);
    kernel.run(object.program("filter"), { packet: ipv4(1) });
    expect(kernel.lcov()).toBe(
      "TN:\nSF:filter.c\nFN:10,filter\nFNDA:3,filter\nFNF:1\nFNH:1\nDA:10,3\nDA:12,3\nDA:14,3\nDA:16,2\nLF:4\nLH:4\nend_of_record\n",
    );
    object[Symbol.dispose]();
    expect(kernel.coverage()[0]?.instructions[0]).toBe(3);
  });

  test("what only one kernel can do is said", async () => {
    expect(toLcov([])).toBe("");
    vi.stubEnv("BPFKIT_TEST_KERNEL", "bsd");
    await expect(testKernel()).rejects.toMatchObject({ code: "testing/no-kernel" });
    vi.unstubAllEnvs();
    using kernel = await testKernel();
    const wild = await load(assembleObject("xdp", "r1 = 0x7ffffff0\nr0 = *(u64 *)(r1 +0)\nexit"), {
      kernel: kernel.port,
    });
    expect(() => kernel.run(wild.program("program"), { packet: new Uint8Array(64) })).toThrow(
      expect.objectContaining({ code: "vm/checked" }),
    );
  });
});

/** A capture's bytes. */
function pcap(packets: readonly Uint8Array[], little: boolean): Uint8Array {
  const bytes = new Uint8Array(24 + packets.reduce((sum, packet) => sum + 16 + packet.length, 0));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0xa1b2c3d4, little);
  view.setUint32(20, 1, little);
  let at = 24;
  packets.forEach((packet, index) => {
    [index, 5, packet.length, packet.length + 10].forEach((word, place) =>
      view.setUint32(at + place * 4, word, little),
    );
    bytes.set(packet, at + 16);
    at += 16 + packet.length;
  });
  return bytes;
}

/** The same as pcapng: nanoseconds, a block that readers skip in front of each packet. */
function pcapng(packets: readonly Uint8Array[], little: boolean): Uint8Array {
  const block = (type: number, ...words: readonly (number | Uint8Array)[]): Uint8Array => {
    const sizes = words.map((word) => (typeof word === "number" ? 4 : Math.ceil(word.length / 4) * 4));
    const size = 12 + sizes.reduce((sum, each) => sum + each, 0);
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, type, little);
    view.setUint32(4, size, little);
    view.setUint32(size - 4, size, little);
    let at = 8;
    words.forEach((word, index) => {
      if (typeof word === "number") view.setUint32(at, word, little);
      else bytes.set(word, at);
      at += sizes[index]!;
    });
    return bytes;
  };
  const halves = (low: number, high: number): number => (little ? low | (high << 16) : (low << 16) | high);
  return Buffer.concat([
    block(0x0a0d0d0a, 0x1a2b3c4d, halves(1, 0), 0xffff_ffff, 0xffff_ffff),
    // LINKTYPE_ETHERNET; if_tsresol 9, and the end of options.
    block(1, halves(1, 0), 0, halves(9, 1), Uint8Array.of(9), 0),
    ...packets.flatMap((packet, index) => {
      const time = BigInt(index) * 1_000_000_000n + 5000n;
      const words = [Number(time >> 32n), Number(time & 0xffff_ffffn)];
      return [block(5, 0, 1), block(6, 0, ...words, packet.length, packet.length + 10, packet)];
    }),
  ]);
}

describe("captures", () => {
  test("packets of pcapng come out the same", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), fc.boolean(), (packets, little) => {
        expect(readPcap(pcapng(packets, little))).toEqual(readPcap(pcap(packets, little)));
      }),
    );
  });

  test("packets come out as they went in, in both byte orders", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 })), fc.boolean(), (packets, little) => {
        const capture = readPcap(pcap(packets, little));
        expect(capture.linkType).toBe(1);
        expect(capture.packets.map(({ data }) => data)).toEqual(packets);
        expect(capture.packets.map(({ time }) => time)).toEqual(
          packets.map((_, index) => BigInt(index) * 1_000_000_000n + 5000n),
        );
      }),
    );
  });

  test("hostile bytes are typed errors", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(200), (noise, cut) => {
        const whole = pcapng([noise, noise], true);
        const changed = Uint8Array.from(whole);
        changed[cut % changed.length]! ^= 0xff;
        const inputs = [noise, pcap([noise, noise], true).subarray(0, cut), whole.subarray(0, cut), changed];
        for (const bytes of inputs)
          try {
            readPcap(bytes);
          } catch (error) {
            expect(error).toMatchObject({ code: "testing/bad-pcap" });
          }
      }),
    );
  });
});

import { expect, test } from "vitest";
import { runTool } from "../../src/bpftool/index.ts";
import { call, exit, loadMap, moveImmediate } from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../../src/uapi/index.ts";
import { lasting, openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();

/** perf_event_output(ctx, map, BPF_F_CURRENT_CPU, &bytes, 8) with 1, 2, 3, 4, 0, 0, 0, 0. */
const SENDING: readonly Insn[] = [
  // r6 = r1; *(u64 *)(r10 - 8) = 0x04030201
  { code: 0xbf, dst: 6, src: 1, offset: 0, imm: 0 },
  { code: 0x7a, dst: 10, src: 0, offset: -8, imm: 0x0403_0201 },
  { code: 0xbf, dst: 1, src: 6, offset: 0, imm: 0 },
  ...loadMap(2, 0),
  // w3 = -1; r4 = r10 - 8
  { code: 0xb4, dst: 3, src: 0, offset: 0, imm: -1 },
  { code: 0xbf, dst: 4, src: 10, offset: 0, imm: 0 },
  { code: 0x07, dst: 4, src: 0, offset: 0, imm: -8 },
  moveImmediate(5, 8),
  call(BPF_FUNC.perf_event_output),
  moveImmediate(0, 0),
  exit(),
];

/** Runs `map event_pipe` until it printed two events; `send` makes one. */
async function pipe(words: readonly string[], send: () => void): Promise<{ code: number; out: string }> {
  let out = "";
  const ends: (() => void)[] = [];
  const stopped = new Promise<void>((resolve) => ends.push(resolve));
  const timer = setInterval(send, 20);
  try {
    const code = await runTool(words, {
      openKernel: async () => Promise.resolve(lasting(kernel!)),
      out: (text) => {
        out += Buffer.from(text).toString();
        if ((out.match(/(?:0x)?01[", ]+(?:0x)?02[", ]+(?:0x)?03/g) ?? []).length > 1)
          for (const end of ends) end();
      },
      err: () => undefined,
      stopped: async () => stopped,
    });
    return { code, out };
  } finally {
    clearInterval(timer);
  }
}

test.skipIf(kernel === undefined)("events of a perf event array, until the reader stops", async () => {
  const host: Kernel = kernel!;
  const name = `pipe${process.pid % 10_000}`;
  using loaded = loadObject(
    {
      license: "GPL",
      maps: [
        { name, type: BPF_MAP_TYPE.PERF_EVENT_ARRAY, keySize: 4, valueSize: 4, maxEntries: 0, flags: 0 },
        { name: `${name}h`, type: BPF_MAP_TYPE.HASH, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 },
      ],
      programs: [
        {
          name,
          section: "tc",
          type: BPF_PROG_TYPE.SCHED_CLS,
          insns: SENDING,
          relocations: [{ kind: "map", insn: 3, map: name }],
          functions: [],
          lines: [],
        },
      ],
    },
    { kernel: host },
  );
  const program = loaded.programs.get(name)!;
  const send = (): void => {
    host.bpf("PROG_TEST_RUN", { prog_fd: program.fd, data_in: new Uint8Array(64) });
  };
  const text = await pipe(["map", "event_pipe", "name", name], send);
  expect(text).toEqual({
    code: 0,
    out: expect.stringMatching(/^== @\d+\.\d{9} CPU: \d+ index: \d+ =====\n01 02 03 04 00 00 00 00/),
  });
  const json: unknown = JSON.parse((await pipe(["-j", "map", "event_pipe", "name", name], send)).out);
  expect(json).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ type: 9, data: expect.arrayContaining(["0x01", "0x04"]) }),
    ]),
  );
  expect((await pipe(["map", "event_pipe", "name", `${name}h`], () => undefined)).code).toBe(255);
});

import { afterAll, describe, expect, test } from "vitest";
import {
  call,
  encode,
  exit,
  loadImmediate64,
  loadMap,
  move,
  moveImmediate,
  store,
} from "../../src/isa/index.ts";
import type { Insn } from "../../src/isa/index.ts";
import type { Fd } from "../../src/kernel/index.ts";
import { PerfBuffer, pumpRecords, RingBuffer } from "../../src/transport/index.ts";
import type { RecordSource } from "../../src/transport/index.ts";
import { aluImmediate } from "../../src/isa/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE, BPF_TEST_FLAG } from "../../src/uapi/index.ts";
import { openTestKernel } from "./test-kernel.ts";

const kernel = await openTestKernel();
const RING_SIZE = 65_536;

/** Sends `payload` (a u64) and counts nothing: what does not fit is lost. */
function ringSender(map: Fd): Insn[] {
  return [
    ...loadImmediate64(1, 0x1122334455667788n),
    store(8, 10, -8, 1),
    ...loadMap(1, map),
    move(2, 10),
    aluImmediate("ADD", 2, -8),
    moveImmediate(3, 8),
    moveImmediate(4, 0),
    call(BPF_FUNC.ringbuf_output),
    exit(),
  ];
}

function perfSender(map: Fd): Insn[] {
  return [
    move(6, 1),
    ...loadImmediate64(1, 0x1122334455667788n),
    store(8, 10, -8, 1),
    move(1, 6),
    ...loadMap(2, map),
    ...loadImmediate64(3, 0xffffffffn),
    move(4, 10),
    aluImmediate("ADD", 4, -8),
    moveImmediate(5, 8),
    call(BPF_FUNC.perf_event_output),
    exit(),
  ];
}

describe.skipIf(kernel === undefined)("transport", () => {
  const host = kernel!;
  afterAll(() => host[Symbol.dispose]());

  function sender(type: number, insns: Insn[]): Fd {
    return host.bpf("PROG_LOAD", { prog_type: type, insns: encode(insns), license: "GPL" });
  }

  function ring(): { readonly source: RecordSource; readonly send: (count: number) => number } {
    const map = host.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.RINGBUF,
      key_size: 0,
      value_size: 0,
      max_entries: RING_SIZE,
    });
    const program = sender(BPF_PROG_TYPE.SOCKET_FILTER, ringSender(map));
    const data_in = new Uint8Array(64);
    return {
      source: new RingBuffer(host, map, RING_SIZE),
      send: (repeat) => host.bpf("PROG_TEST_RUN", { prog_fd: program, data_in, repeat }).retval,
    };
  }

  test("a ring buffer gives every record in order, over many turns of the ring", () => {
    const { source, send } = ring();
    let seen = 0;
    for (let round = 0; round < 50; round++) {
      send(1000);
      const drained = source.drain(({ view }, offset, length) => {
        expect(length).toBe(8);
        expect(view.getBigUint64(offset, true)).toBe(0x1122334455667788n);
        seen++;
      }, 100_000);
      expect(drained).toBe(1000);
    }
    expect(seen).toBe(50_000);
    source[Symbol.dispose]();
  });

  test("a full ring buffer keeps what fits", () => {
    const { source, send } = ring();
    send(10_000);
    // A record takes 16 bytes; one more than fits is not stored.
    const fits = source.drain(() => undefined, 100_000);
    expect(fits).toBeGreaterThanOrEqual(RING_SIZE / 16 - 1);
    expect(fits).toBeLessThanOrEqual(RING_SIZE / 16);
    send(1);
    expect(source.drain(() => undefined, 10)).toBe(1);
    source[Symbol.dispose]();
  });

  test("draining stops at the limit, and where the handler says so", () => {
    const { source, send } = ring();
    send(100);
    expect(source.drain(() => undefined, 30)).toBe(30);
    expect(source.drain(() => false, 30)).toBe(1);
    expect(source.drain(() => undefined, 1000)).toBe(69);
    source[Symbol.dispose]();
  });

  test("the pump wakes up by itself", async () => {
    const { source, send } = ring();
    let seen = 0;
    await new Promise<void>((resolve) => {
      const pump = pumpRecords(host, source, () => {
        seen++;
        if (seen !== 20_000) return;
        pump[Symbol.dispose]();
        resolve();
      });
      let sent = 0;
      const next = (): void => {
        send(1000);
        sent += 1000;
        if (sent < 20_000) setImmediate(next);
      };
      next();
    });
    expect(seen).toBe(20_000);
    source[Symbol.dispose]();
  });

  test("perf buffers count what they lose, exactly", () => {
    const map = host.bpf("MAP_CREATE", {
      map_type: BPF_MAP_TYPE.PERF_EVENT_ARRAY,
      key_size: 4,
      value_size: 4,
      max_entries: host.files.possibleCpus().length,
    });
    const source = new PerfBuffer(host, map, 8);
    const program = sender(BPF_PROG_TYPE.RAW_TRACEPOINT, perfSender(map));
    const total = 5000;
    // On one CPU: each has a ring of its own, and one that gets no more records never tells what it lost.
    const [cpu = 0] = host.files.onlineCpus();
    const send = (): unknown =>
      host.bpf("PROG_TEST_RUN", { prog_fd: program, flags: BPF_TEST_FLAG.RUN_ON_CPU, cpu });
    let delivered = 0;
    const take = (): number =>
      source.drain(({ view }, offset, length) => {
        expect(length).toBeGreaterThanOrEqual(8);
        expect(view.getBigUint64(offset, true)).toBe(0x1122334455667788n);
        delivered++;
      }, 100_000);
    for (let index = 0; index < total; index++) send();
    while (take() > 0);
    // The kernel tells of lost records in front of the next one that fits.
    send();
    while (take() > 0);
    expect(source.lost).toBeGreaterThan(0);
    expect(delivered + source.lost).toBe(total + 1);
    source[Symbol.dispose]();
    host.close(map);
    host.close(program);
  });
});

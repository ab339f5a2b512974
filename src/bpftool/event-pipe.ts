import type { Fd, Kernel } from "../kernel/index.ts";
import { mapInfo } from "../inspect/index.ts";
import { PerfBuffer, pumpRecords } from "../transport/index.ts";
import { BPF_MAP_TYPE, PERF_RECORD } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Answer, Command, Stream } from "./command.ts";
import { openOne } from "./handle.ts";
import type { OpenObject } from "./handle.ts";
import { Inbox } from "./inbox.ts";
import { hexJson, hexText } from "./map-entry.ts";
import { ToolError } from "./tool-error.ts";

/** Data pages of each CPU's ring. */
const PAGES = 16;
const NANOSECONDS = 1_000_000_000n;

/** A CPU's ring, and the slot of the map that it takes. */
interface Ring {
  readonly cpu: number;
  readonly index: number;
}

/** map event_pipe MAP [cpu N index M]: what programs send through a perf event array, until Ctrl-C. */
export const eventPipe: Command = async ({ args, kernel: open, stopped }): Promise<Stream> => {
  args.require(2, "event_pipe");
  const kernel = await open();
  const map = openOne(kernel, "map", args);
  try {
    if (mapInfo(kernel, map.fd).type !== BPF_MAP_TYPE.PERF_EVENT_ARRAY)
      throw new ToolError("map is not a perf event array");
    const ring = takeRing(args);
    const rings = ring ? [ring] : kernel.files.onlineCpus().map((cpu) => ({ cpu, index: cpu }));
    return { items: events(kernel, map, rings, stopped()) };
  } catch (error) {
    map[Symbol.dispose]();
    throw error;
  }
};

function takeRing(args: Arguments): Ring | undefined {
  let cpu: number | undefined;
  let index: number | undefined;
  while (args.left > 0) {
    if (args.accept("cpu")) cpu = args.id("CPU ID");
    else if (args.accept("index")) index = args.id("index");
    else args.end();
  }
  if (cpu === undefined && index === undefined) return undefined;
  if (cpu === undefined || index === undefined)
    throw new ToolError("cpu and index must be specified together");
  return { cpu, index };
}

async function* events(
  kernel: Kernel,
  map: OpenObject,
  rings: readonly Ring[],
  stopped: Promise<void>,
): AsyncGenerator<Answer, number> {
  using _map = map;
  const inbox = new Inbox<Answer>();
  using opened = openRings(kernel, map.fd, rings, (answer) => inbox.put(answer));
  void stopped.then(() => {
    opened.flush();
    inbox.end();
  });
  yield* inbox.items();
  return 0;
}

function openRings(
  kernel: Kernel,
  map: Fd,
  rings: readonly Ring[],
  send: (answer: Answer) => void,
): Disposable & { readonly flush: () => void } {
  const opened = rings.map((ring) => {
    const buffer = new PerfBuffer(kernel, map, PAGES, { rings: [ring], timestamps: true });
    let lost = 0;
    const pump = pumpRecords(
      kernel,
      buffer,
      (area, offset, length) => {
        const bytes = Uint8Array.prototype.slice.call(area.bytes, offset, offset + length);
        send(sampleAnswer(ring, area.view.getBigUint64(offset - TIME_BEFORE, true), bytes));
      },
      () => {
        if (buffer.lost > lost) send(lostAnswer(ring, buffer.lost - lost));
        lost = buffer.lost;
      },
    );
    return { buffer, pump };
  });
  return {
    flush: () => opened.forEach(({ pump }) => pump.flush()),
    [Symbol.dispose]() {
      for (const { buffer, pump } of opened) {
        pump[Symbol.dispose]();
        buffer[Symbol.dispose]();
      }
    },
  };
}

/** The time lies in front of the record's size. */
const TIME_BEFORE = 12;

function sampleAnswer({ cpu, index }: Ring, time: bigint, bytes: Uint8Array): Answer {
  const seconds = `${time / NANOSECONDS}.${String(time % NANOSECONDS).padStart(9, "0")}`;
  return {
    text: () => `== @${seconds} CPU: ${cpu} index: ${index} =====\n${hexText(bytes)}\n`,
    json: () => ({ type: PERF_RECORD.SAMPLE, cpu, index, timestamp: time, data: hexJson(bytes) }),
  };
}

function lostAnswer({ cpu, index }: Ring, count: number): Answer {
  return {
    text: () => `lost ${count} events\n`,
    json: () => ({ type: PERF_RECORD.LOST, cpu, index, lost: { count } }),
  };
}

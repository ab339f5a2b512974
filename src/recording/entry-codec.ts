import type {
  EndEntry,
  Entry,
  RecordingEnvironment,
  EventEntry,
  FileEntry,
  HookEntry,
  LostEntry,
  MemoryPiece,
  TaskEndEntry,
  TaskEntry,
} from "./entry.ts";
import type { Packer, Unpacker } from "./packing.ts";
import { packTaskChange, unpackTaskChange } from "./task-fields.ts";

type Pack<E extends Entry> = (packer: Packer, entry: E) => void;
type Unpack<E extends Entry> = (from: Unpacker) => E;

/** One row a kind of entry: its number in the file and how it is written and read. */
interface Row<E extends Entry> {
  readonly tag: number;
  readonly pack: Pack<E>;
  readonly unpack: Unpack<E>;
}

const environment: Row<RecordingEnvironment> = {
  tag: 1,
  pack(packer, entry) {
    packer
      .text(entry.kernel)
      .text(entry.release)
      .text(entry.arch)
      .number(entry.cpus)
      .text(entry.version)
      .byte(entry.command === undefined ? 0 : 1)
      .text(entry.command ?? "")
      .number(entry.pid)
      .word(entry.start)
      .word(entry.realtime)
      .word(entry.boottime)
      .word(entry.tai)
      .text(entry.timeZone)
      .number(entry.seed)
      .number(entry.self.pid)
      .number(entry.self.uid)
      .number(entry.self.gid)
      .text(entry.self.comm)
      .word(entry.self.cgroupId)
      .text(entry.node)
      .text(entry.system);
  },
  unpack(from) {
    const kernel = from.text() === "linux" ? "linux" : "embedded";
    const [release, arch, cpus, version] = [from.text(), from.text(), from.number(), from.text()];
    const [hasCommand, command] = [from.byte() === 1, from.text()];
    const pid = from.number();
    const [start, realtime, boottime, tai] = [from.word(), from.word(), from.word(), from.word()];
    const [timeZone, seed] = [from.text(), from.number()];
    const self = {
      pid: from.number(),
      uid: from.number(),
      gid: from.number(),
      comm: from.text(),
      cgroupId: from.word(),
    };
    const [node, system] = [from.text(), from.text()];
    return {
      kind: "environment",
      kernel,
      release,
      arch,
      cpus: Math.min(Math.max(1, cpus), MOST_CPUS),
      version,
      command: hasCommand ? command : undefined,
      pid,
      start,
      // Clocks may be behind, too.
      realtime: BigInt.asIntN(64, realtime),
      boottime: BigInt.asIntN(64, boottime),
      tai: BigInt.asIntN(64, tai),
      timeZone,
      seed,
      self,
      node,
      system,
    };
  },
};

const file: Row<FileEntry> = {
  tag: 2,
  pack: (packer, { path, bytes }) => void packer.text(path).chunk(bytes),
  unpack: (from) => ({ kind: "file", path: from.text(), bytes: from.chunk() }),
};

const hook: Row<HookEntry> = {
  tag: 3,
  pack: (packer, { name }) => void packer.text(name),
  unpack: (from) => ({ kind: "hook", name: from.text() }),
};

const task: Row<TaskEntry> = {
  tag: 4,
  pack(packer, { pid, change }) {
    packer.number(pid);
    packTaskChange(packer, change);
  },
  unpack: (from) => ({ kind: "task", pid: from.number(), change: unpackTaskChange(from) }),
};

const taskEnd: Row<TaskEndEntry> = {
  tag: 5,
  pack: (packer, { pid }) => void packer.number(pid),
  unpack: (from) => ({ kind: "taskEnd", pid: from.number() }),
};

const event: Row<EventEntry> = {
  tag: 6,
  pack(packer, { hook: index, time, pid, cpu, context, memory, stack }) {
    packer.number(index).number(time).number(pid).number(cpu).chunk(context).number(memory.length);
    for (const { address, state, bytes } of memory) {
      packer.word(address);
      if (state === "held") packer.byte(0).chunk(bytes);
      else packer.byte(1).number(bytes.length);
    }
    if (stack.length === 0) return;
    packer.number(stack.length);
    for (const address of stack) packer.word(address);
  },
  unpack(from) {
    const [index, time, pid, cpu, context] = [
      from.number(),
      from.number(),
      from.number(),
      from.number(),
      from.chunk(),
    ];
    const memory: MemoryPiece[] = [];
    for (let count = from.number(); count > 0; count--) {
      const address = from.word();
      if (from.byte() === 0) memory.push({ address, state: "held", bytes: from.chunk() });
      else memory.push({ address, state: "fault", bytes: NOTHING.subarray(0, from.number()) });
    }
    const stack: bigint[] = [];
    for (let count = from.done ? 0 : from.number(); count > 0; count--) stack.push(from.word());
    return { kind: "event", hook: index, time, pid, cpu, context, memory, stack };
  },
};

const lost: Row<LostEntry> = {
  tag: 7,
  pack: (packer, { count }) => void packer.number(count),
  unpack: (from) => ({ kind: "lost", count: from.number() }),
};

const end: Row<EndEntry> = {
  tag: 8,
  pack: (packer, { time }) => void packer.number(time),
  unpack: (from) => ({ kind: "end", time: from.number() }),
};

/** Every CPU costs memory. */
const MOST_CPUS = 1024;
/** Faults have a length alone; longer reads than this do not occur. */
const NOTHING = new Uint8Array(4096);

const ROWS: { readonly [K in Entry["kind"]]: Row<Extract<Entry, { kind: K }>> } = {
  environment,
  file,
  hook,
  task,
  taskEnd,
  event,
  lost,
  end,
};
const BY_TAG: ReadonlyMap<number, Unpack<Entry>> = new Map(
  Object.values(ROWS).map(({ tag, unpack }) => [tag, unpack]),
);

/** Writes an entry's bytes; gives its number. */
export function packEntry(packer: Packer, entry: Entry): number {
  // Each kind's row takes that kind.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const row = ROWS[entry.kind] as Row<Entry>;
  row.pack(packer, entry);
  return row.tag;
}

/** Undefined for kinds of later versions. */
export function unpackEntry(tag: number, from: Unpacker): Entry | undefined {
  return BY_TAG.get(tag)?.(from);
}

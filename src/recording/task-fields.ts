import type { Packer, Unpacker } from "./packing.ts";

// What a recording tells of a thread, field by field. A field's position is its number in the file: new ones are
// added at the end.

const NUMBERS = [
  "tgid",
  "parent",
  "flags",
  "exitSignal",
  "priority",
  "nice",
  "minorFaults",
  "majorFaults",
  "voluntarySwitches",
  "involuntarySwitches",
  "descriptors",
  "uid",
  "euid",
  "suid",
  "fsuid",
  "gid",
  "egid",
  "sgid",
  "fsgid",
  "userNamespace",
  "utsNamespace",
  "ipcNamespace",
  "mntNamespace",
  "pidNamespace",
  "netNamespace",
  "timeNamespace",
  "cgroupNamespace",
] as const;

/** 64 bits; times in nanoseconds. */
const WORDS = [
  "userTime",
  "systemTime",
  "startTime",
  "cgroupId",
  "inheritable",
  "permitted",
  "effective",
  "bounding",
  "ambient",
  "startCode",
  "endCode",
  "startStack",
  "startData",
  "endData",
  "startBreak",
  "argStart",
  "argEnd",
  "envStart",
  "envEnd",
  "pages",
] as const;

const TEXTS = ["comm", "state", "cgroupPath"] as const;

type NumberField = (typeof NUMBERS)[number];
type WordField = (typeof WORDS)[number];
type TextField = (typeof TEXTS)[number];

/** All that is known of a thread. */
export type TaskRecord = { -readonly [F in NumberField]?: number } & {
  -readonly [F in WordField]?: bigint;
} & {
  -readonly [F in TextField]?: string;
};
export type TaskChange = Readonly<TaskRecord>;

/** Kinds take turns of this many numbers each, so that each can grow. */
const STRIDE = 64;

/** What differs from `before`; undefined where nothing does. */
export function taskChange(before: TaskChange, now: TaskChange): TaskChange | undefined {
  const change: TaskRecord = {};
  let any = false;
  for (const name of NUMBERS) {
    if (now[name] === undefined || now[name] === before[name]) continue;
    change[name] = now[name];
    any = true;
  }
  for (const name of WORDS) {
    if (now[name] === undefined || now[name] === before[name]) continue;
    change[name] = now[name];
    any = true;
  }
  for (const name of TEXTS) {
    if (now[name] === undefined || now[name] === before[name]) continue;
    change[name] = now[name];
    any = true;
  }
  return any ? change : undefined;
}

export function packTaskChange(packer: Packer, change: TaskChange): void {
  NUMBERS.forEach((name, index) => {
    const value = change[name];
    if (value !== undefined) packer.number(index).signed(value);
  });
  WORDS.forEach((name, index) => {
    const value = change[name];
    if (value !== undefined) packer.number(STRIDE + index).word(value);
  });
  TEXTS.forEach((name, index) => {
    const value = change[name];
    if (value !== undefined) packer.number(STRIDE * 2 + index).text(value);
  });
}

/** Fields of later versions are read and dropped. */
export function unpackTaskChange(from: Unpacker): TaskChange {
  const change: TaskRecord = {};
  while (!from.done) {
    const number = from.number();
    const index = number % STRIDE;
    if (number < STRIDE) {
      const value = from.signed();
      const name = NUMBERS[index];
      if (name !== undefined) change[name] = value;
    } else if (number < STRIDE * 2) {
      const value = from.word();
      const name = WORDS[index];
      if (name !== undefined) change[name] = value;
    } else {
      const value = from.text();
      const name = TEXTS[index];
      if (name !== undefined) change[name] = value;
    }
  }
  return change;
}

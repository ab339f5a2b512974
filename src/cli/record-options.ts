import type { OptionRow } from "./command.ts";

const snap: OptionRow = {
  name: "snap",
  value: "BYTES",
  summary: "most bytes that are kept of a buffer which a call reads or writes (512)",
};

/** Options of `record`. */
export const recordOptions: readonly OptionRow[] = [
  { name: "output", short: "o", value: "FILE", summary: "the recording to write" },
  { name: "cmd", short: "c", value: "COMMAND", summary: "record a command, from its start to its end" },
  {
    name: "pid",
    short: "p",
    value: "PID",
    summary: "record a process and what it starts, until it ends or Ctrl-C",
  },
  {
    name: "event",
    short: "e",
    value: "PROBES",
    summary: "record these probes (as in a script, with * and commas), and forks, execs and ends",
  },
  snap,
  {
    name: "all",
    short: "a",
    summary: "record the whole system, until Ctrl-C (the running kernel alone)",
  },
  {
    name: "kernel",
    value: "KERNEL",
    choices: ["linux", "embedded"],
    summary:
      "linux, by programs in it; or embedded, which needs no rights and follows the processes by ptrace",
  },
  { name: "ring", value: "MIB", summary: "room between the kernel and the file (16): a power of two" },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "of show and info: text, or JSON, an event a line",
  },
  { name: "quiet", short: "q", summary: "no messages about the run" },
  { name: "help", short: "h", summary: "show this help" },
];

/** What `trace` has to do with recordings. */
export const traceRecordingOptions: readonly OptionRow[] = [
  { name: "replay", value: "FILE", summary: "run over a recording (bpfkit record), in its own time" },
  {
    name: "at",
    value: "N",
    summary: "with --replay: stop behind the event of this number (record show), and show all maps",
  },
  {
    name: "record",
    value: "FILE",
    summary: "keep the raw events of the run, also those that the script does not look at",
  },
  snap,
];

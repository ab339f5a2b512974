import type { FeatureName } from "../loader/index.ts";
import type { OptionRow } from "./command.ts";
import { traceRecordingOptions } from "./record-options.ts";

const help: OptionRow = { name: "help", short: "h", summary: "show this help" };
const btf: OptionRow = {
  name: "btf",
  value: "FILE",
  summary: "the kernel's types: raw BTF or an ELF file with it, for kernels without their own",
};
const unsafe: OptionRow = {
  name: "unsafe",
  summary: "allow functions that change the system, as system() and signal()",
};

const headers: readonly OptionRow[] = [
  {
    name: "include-dir",
    short: "I",
    value: "FOLDER",
    summary: "look for #include files in this folder, too; may be given several times",
  },
  {
    name: "include",
    value: "FILE",
    summary: "read this header before the script; may be given several times",
  },
];

/** What trace can do without, by the names of bpftrace where it has one. */
export const optionalFeatures: Readonly<Record<string, FeatureName>> = {
  kprobe_multi: "kprobeMulti",
  uprobe_multi: "uprobeMulti",
  ring_buffer: "ringBuffer",
  perf_link: "perfLink",
  rdonly_cast: "kfuncCasts",
  current_task_btf: "currentTaskBtf",
  cpu_v4: "cpuV4",
};

export const debugStages = ["ast", "types", "ir", "asm", "elf", "plan", "verifier"] as const;

export const traceOptions: readonly OptionRow[] = [
  { name: "execute", short: "e", value: "PROGRAM", summary: "run this program" },
  {
    name: "list",
    short: "l",
    summary: "list probes that match a pattern, with -v also their arguments; or those of a script",
  },
  { name: "pid", short: "p", value: "PID", summary: "trace this process only, until it ends" },
  {
    name: "cmd",
    short: "c",
    value: "COMMAND",
    summary: "run a command, traced from its first call to its end",
  },
  { name: "output", short: "o", value: "FILE", summary: "write the output to a file" },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "text, or one JSON object a line",
  },
  {
    name: "buffering",
    short: "B",
    value: "MODE",
    choices: ["line", "full", "none"],
    summary: "when output is written: line (as soon as the reader is idle), full, none",
  },
  { name: "quiet", short: "q", summary: "no messages about the run" },
  { name: "verbose", short: "v", summary: "say more, such as the verifier's log of a rejected program" },
  {
    name: "debug",
    short: "d",
    value: "STAGE",
    choices: debugStages,
    summary: "print a stage of the compilation instead of running",
  },
  { name: "dry-run", summary: "stop once everything is attached" },
  unsafe,
  { name: "no-warnings", summary: "no warnings about the script" },
  {
    name: "warnings",
    short: "k",
    summary: "count reads of memory that fail, and tell of them with their places in the script",
  },
  ...headers,
  { name: "fmt", summary: "print the script with its white space in order, and run nothing" },
  btf,
  {
    name: "kernel",
    value: "KERNEL",
    choices: ["linux", "embedded"],
    summary: "linux, or bpfkit's own, which needs no rights and sees what -c or -p runs",
  },
  ...traceRecordingOptions,
  {
    name: "no-feature",
    value: "NAME,...",
    summary: `do without what the kernel has: ${Object.keys(optionalFeatures).join(", ")}`,
  },
  { name: "info", summary: "show what this kernel can do" },
  help,
  { name: "version", short: "V", summary: "show the version" },
];

export const buildOptions: readonly OptionRow[] = [
  { name: "output", short: "o", value: "FILE", summary: "the object to write" },
  ...headers,
  btf,
  unsafe,
  { name: "verbose", short: "v", summary: "say more" },
  help,
];

export const straceOptions: readonly OptionRow[] = [
  { name: "follow-forks", short: "f", summary: "follow the processes and threads that it starts" },
  { name: "verbose", short: "v", summary: "structs, instructions and info in full" },
  { name: "output", short: "o", value: "FILE", summary: "write to a file, not to standard error" },
  {
    name: "pid",
    short: "p",
    value: "PID",
    summary: "trace this process, with all its threads, until Ctrl-C",
  },
  { name: "trace", short: "e", value: "CALLS", summary: "some of bpf,perf_event_open,ioctl; without it all" },
  {
    name: "string-limit",
    short: "s",
    value: "SIZE",
    summary: "bytes of texts and buffers that are shown (32)",
  },
  { name: "decode-fds", short: "y", summary: "show what descriptors refer to" },
  {
    name: "timestamps",
    short: "t",
    value: "UNIT",
    choices: ["s", "us", "unix"],
    summary: "begin lines with the time of day in seconds or microseconds, or since 1970",
  },
  {
    name: "explain",
    summary:
      "below each call: instructions, map keys and values by type, verifier logs, results of test runs",
  },
  {
    name: "format",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "strace's lines, or one JSON object a line",
  },
  {
    name: "summary-only",
    short: "c",
    summary: "count calls, bpf(2) by its commands, in place of showing them",
  },
  { name: "syscall-times", short: "T", summary: "show how long each call took" },
  help,
];

export const explainOptions: readonly OptionRow[] = [
  { name: "table", short: "t", summary: "print the whole instruction set" },
  { name: "verbose", short: "v", summary: "every field of every instruction, also of long dumps" },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "text, or one JSON object",
  },
  help,
];

export const topOptions: readonly OptionRow[] = [
  { name: "interval", short: "i", value: "SECONDS", summary: "time between two looks; 1 if not given" },
  { name: "count", short: "n", value: "NUMBER", summary: "stop after so many" },
  {
    name: "sort",
    short: "s",
    value: "COLUMN",
    choices: ["cpu", "events", "average", "total", "id", "type", "name"],
    summary: "order of the lines; cpu if not given",
  },
  { name: "reverse", short: "r", summary: "the other way round" },
  { name: "filter", value: "TEXT", summary: "only programs whose id, type or name holds this" },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "text, or one JSON object a line",
  },
  help,
];

/** What `cc` takes beside clang's own options. */
export const ccOptions: readonly OptionRow[] = [
  { name: "btf", value: "FILE", summary: "make vmlinux.h of these types: raw BTF or an ELF file with it" },
  { name: "flags", summary: "print the flags that clang gets, one a line (compile_flags.txt of editors)" },
  { name: "verbose", summary: "show the command" },
  help,
];

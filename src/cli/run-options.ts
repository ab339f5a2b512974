import type { OptionRow } from "./command.ts";

/** Options of `new`. */
export const newOptions: readonly OptionRow[] = [
  {
    name: "lang",
    value: "LANGUAGE",
    choices: ["c", "bt"],
    summary: "c (if absent), or bt: the tracing language",
  },
  { name: "help", short: "h", summary: "show this help" },
];

/** Options of `run`. */
export const runOptions: readonly OptionRow[] = [
  {
    name: "pid",
    short: "p",
    value: "PID",
    summary:
      "uprobes, USDT and perf events of this process only (others say that they see all); ends with it",
  },
  { name: "cmd", short: "c", value: "COMMAND", summary: "run a command, and end with it" },
  { name: "dev", short: "d", value: "INTERFACE", summary: "interface of xdp, tc, tcx and netkit programs" },
  {
    name: "xdp-mode",
    value: "MODE",
    choices: ["driver", "generic", "offload"],
    summary: "where xdp programs run",
  },
  {
    name: "direction",
    value: "DIRECTION",
    choices: ["ingress", "egress"],
    summary: 'of programs in SEC("tc")',
  },
  { name: "cgroup", value: "DIRECTORY", summary: "cgroup of cgroup, sockops and lsm_cgroup programs" },
  { name: "netns", value: "FILE", summary: "network namespace of sk_lookup and flow_dissector programs" },
  { name: "netfilter", value: "FAMILY:HOOK[:PRIORITY]", summary: "as ipv4:input:0" },
  { name: "frequency", value: "HZ", summary: "samples a second of perf_event programs; 49 if absent" },
  {
    name: "attach",
    value: "PROGRAM=TARGET",
    summary: "what follows the / of a section that names nothing, or another target",
  },
  { name: "without", value: "PROGRAM", summary: "leave a program of the object out: it is not loaded" },
  { name: "set", value: "NAME=VALUE", summary: "first value of a global variable" },
  { name: "event", value: "[MAP=]TYPE", summary: "struct of the records of a ring or perf buffer" },
  { name: "map", value: "NAME=ENTRIES", summary: "elements of a map; bytes of a ring" },
  {
    name: "format",
    short: "f",
    value: "FORMAT",
    choices: ["text", "json"],
    summary: "text, or one JSON object a line",
  },
  { name: "output", short: "o", value: "FILE", summary: "write the output to a file" },
  { name: "quiet", short: "q", summary: "no messages about the run" },
  { name: "verbose", short: "v", summary: "show the verifier's log of a rejected program" },
  {
    name: "btf",
    value: "FILE",
    summary: "the kernel's types: raw BTF or an ELF file with it, for kernels without their own",
  },
  { name: "help", short: "h", summary: "show this help" },
];

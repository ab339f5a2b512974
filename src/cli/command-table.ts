import { buildOptions, traceOptions } from "./options.ts";
import type { CommandRow, OptionRow } from "./command.ts";

/** Options of the verbs that have bpftool's grammar. */
const toolOptions: readonly OptionRow[] = [
  { name: "json", short: "j", summary: "print JSON" },
  { name: "pretty", short: "p", summary: "print JSON with line breaks" },
  { name: "base-btf", short: "B", value: "FILE", summary: "BTF that a split BTF file continues" },
  { name: "help", short: "h", summary: "show this help" },
];

/** A verb of bpftool's grammar. */
function toolCommand(
  name: string,
  summary: string,
  usage: string,
  examples: CommandRow["examples"],
): CommandRow {
  return {
    name,
    summary,
    usage,
    options: toolOptions,
    examples,
    run: async (args, invocation) =>
      (await import("./commands/bpftool.ts")).bpftool(
        name === "bpftool" ? args : [name, ...args],
        invocation,
      ),
  };
}

/** Every verb. A command's rooms are loaded when it runs, not before: start-up is a feature. */
export const commands: readonly CommandRow[] = [
  {
    name: "trace",
    summary: "run a script of the tracing language, or an object built from one",
    usage: "[OPTION...] {-e PROGRAM | FILE | -} [PARAMETER...] [-- --NAME=VALUE...]",
    options: traceOptions,
    examples: [
      [
        "bpfkit trace -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'",
        "count system calls by program, until Ctrl-C",
      ],
      ["bpfkit trace examples/process-creation.bt", "show new processes with parent and arguments"],
      [
        "bpfkit trace -c 'ls -l' -e 'uprobe:libc:malloc { @ = hist(arg0); }'",
        "trace one command from its start",
      ],
      ["bpfkit trace -l 'tracepoint:sched:*'", "list probes; -lv shows their arguments"],
      ["bpfkit trace exec.bpf.o", "run what `bpfkit build` made on another machine"],
    ],
    run: async (args, invocation) => (await import("./commands/trace.ts")).trace(args, invocation),
  },
  {
    name: "build",
    summary: "compile a script to a portable object with its trace plan inside",
    usage: "SCRIPT -o OUT.bpf.o",
    options: buildOptions,
    examples: [["bpfkit build examples/process-creation.bt -o exec.bpf.o", "compile here, trace elsewhere"]],
    run: async (args, invocation) => (await import("./commands/build.ts")).build(args, invocation),
  },
  toolCommand(
    "prog",
    "show programs in the kernel and their instructions",
    "{show [PROG] | dump xlated PROG [opcodes] [linum] | load OBJ FILE | loadall OBJ DIR | pin PROG FILE | run PROG data_in FILE}",
    [
      ["bpfkit prog show", "list programs, who holds them and how long they ran"],
      ["bpfkit prog dump xlated id 42 linum", "instructions of a program with its source lines"],
    ],
  ),
  toolCommand(
    "map",
    "show, read and change maps in the kernel",
    "{show | dump | lookup | update | delete | getnext | push | pop | peek | pin | freeze | create FILE} [MAP] [key BYTES] [value BYTES]",
    [["bpfkit map dump name counts", "all elements of a map, typed by its BTF"]],
  ),
  toolCommand("link", "show what programs are attached to", "{show [LINK] | detach LINK}", [
    ["bpfkit link show", "list links and their targets"],
  ]),
  toolCommand(
    "btf",
    "show and print type information",
    "{show | dump {file FILE | id ID | prog PROG | map MAP} [format {raw|c [unsorted]}] [root_id ID]}",
    [
      [
        "bpfkit btf dump file /sys/kernel/btf/vmlinux format c > vmlinux.h",
        "the kernel's types as a C header",
      ],
    ],
  ),
  toolCommand(
    "feature",
    "list what this program knows",
    "list_builtins {prog_types|map_types|attach_types|link_types|helpers}",
    [["bpfkit feature list_builtins helpers", "names of all helper functions"]],
  ),
  toolCommand("cgroup", "show the programs of cgroups", "{show CGROUP | tree [ROOT]} [effective]", [
    ["bpfkit cgroup tree", "all cgroups with programs"],
  ]),
  toolCommand("perf", "show which processes run programs from perf events", "show", [
    ["bpfkit perf show", "tracepoints, kprobes and uprobes with the processes that hold them"],
  ]),
  toolCommand("bpftool", "take a command line as bpftool does", "[OPTION...] OBJECT COMMAND...", [
    ["bpfkit bpftool -j prog show", "the same as a link named bpftool would"],
  ]),
  {
    name: "completion",
    summary: "print a completion script for a shell",
    usage: "bash|zsh|fish",
    options: [{ name: "help", short: "h", summary: "show this help" }],
    examples: [["source <(bpfkit completion bash)", "complete commands and options in this shell"]],
    run: async (args, invocation) =>
      (await import("./commands/completion.ts")).completion(args, commands, invocation),
  },
];

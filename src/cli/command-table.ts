import { buildOptions, traceOptions } from "./options.ts";
import type { CommandRow } from "./command.ts";

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

import {
  buildOptions,
  ccOptions,
  explainOptions,
  straceOptions,
  topOptions,
  traceOptions,
} from "./options.ts";
import { recordOptions } from "./record-options.ts";
import { newOptions, runOptions } from "./run-options.ts";
import type { CommandRow, OptionRow } from "./command.ts";

/** Options of the verbs that have bpftool's grammar. */
const toolOptions: readonly OptionRow[] = [
  { name: "json", short: "j", summary: "print JSON" },
  { name: "pretty", short: "p", summary: "print JSON with line breaks" },
  { name: "bpffs", short: "f", summary: "show where objects are pinned" },
  { name: "tree", summary: "prog show: programs with their maps, links, processes and pins" },
  { name: "nomount", short: "n", summary: "mount no file system to pin objects in" },
  { name: "debug", short: "d", summary: "show the verifier's logs of what is loaded" },
  { name: "base-btf", short: "B", value: "FILE", summary: "BTF that a split BTF file continues" },
  {
    name: "kernel",
    value: "NAME",
    summary: "linux, or embedded: the one in this process, which begins empty",
  },
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
    name: "record",
    summary:
      "keep the raw events of a command, a process or the system in a file, for scripts to run over later",
    usage: "-o FILE [OPTION...] {-c COMMAND | -p PID | -a | COMMAND [ARGUMENT...]} | {show | info} FILE",
    options: recordOptions,
    examples: [
      [
        "bpfkit record -o make.rec -- make -j2",
        "all system calls, forks, execs, signals and ends of a build",
      ],
      [
        "bpfkit record -o io.rec -e 'tracepoint:syscalls:sys_*_read' -p 1234",
        "some calls of a process, until Ctrl-C",
      ],
      ["bpfkit record show make.rec -e 'tracepoint:sched:*'", "its events, each with its number"],
      ["bpfkit record info make.rec", "what it is of, how long it is, how many events of each kind it has"],
      ["bpfkit trace --replay make.rec examples/process-creation.bt", "run a script over it, anywhere"],
      [
        "bpfkit trace --replay make.rec -e 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }' --at 5000",
        "the maps behind the 5000th event",
      ],
    ],
    run: async (args, invocation) => (await import("./commands/record.ts")).record(args, invocation),
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
    name: "top",
    summary: "show programs by CPU time, events a second and average run time, live",
    usage: "[OPTION...]",
    options: topOptions,
    examples: [
      ["bpfkit top", "live in the terminal; h shows the keys"],
      ["bpfkit top --sort events --filter xdp", "only XDP programs, the busiest first"],
      ["bpfkit top -n 1 -i 10 -f json", "ten seconds as one line of JSON"],
    ],
    run: async (args, invocation) => (await import("./commands/top.ts")).top(args, invocation),
  },
  {
    name: "explain",
    summary: "say in words what an instruction, a dump, a verifier log or a bpf_attr means",
    usage: "[OPTION...] {BYTES | INSTRUCTION | FILE | - | attr COMMAND BYTES}",
    options: explainOptions,
    examples: [
      ["bpfkit explain 85 00 00 00 0e 00 00 00", "every field of one instruction"],
      ["bpfkit explain 0xbf", "what this opcode can be"],
      ["bpfkit explain 'r1 = *(u64 *)(r10 -8)'", "the same from words"],
      ["bpfkit prog dump xlated id 42 | bpfkit explain", "a whole program, one line each"],
      ["bpfkit explain prog.bpf.o", "the programs of an object file"],
      ["bpfkit explain verifier.log", "what was rejected, where, why, and what usually fixes it"],
      ["bpfkit explain attr MAP_CREATE 01000000040000000800000000010000", "the members of a bpf_attr"],
      ["bpfkit explain --table", "the instruction set"],
    ],
    run: async (args, invocation) => (await import("./commands/explain.ts")).explain(args, invocation),
  },
  {
    name: "cc",
    summary: "compile a C program to a BPF object, by clang with our headers and vmlinux.h",
    usage: "FILE.bpf.c [-o OUT.bpf.o] [CLANG-OPTION...] [-- CLANG-ARGUMENT...]",
    options: ccOptions,
    examples: [
      ["bpfkit cc prog.bpf.c -o prog.bpf.o", "compile with the running kernel's types"],
      ["bpfkit cc -mcpu=v3 -Iinclude -DDEBUG prog.bpf.c", "give clang options of its own"],
      ["bpfkit cc --btf vmlinux-5.10.btf prog.bpf.c", "compile with another kernel's types"],
      ["bpfkit cc --flags > compile_flags.txt", "let clangd find the same headers"],
    ],
    run: async (args, invocation) => (await import("./commands/cc.ts")).cc(args, invocation),
  },
  {
    name: "run",
    summary: "load and attach a C program or an object, and show what it prints, sends and counts",
    usage: "FILE.bpf.c|FILE.bpf.o [OPTION...] [-- CLANG-ARGUMENT...]",
    options: runOptions,
    examples: [
      [
        "bpfkit run examples/c/process-creation.bpf.c",
        "compile, load, attach; show events until Ctrl-C, then the maps",
      ],
      ["bpfkit run tool.bpf.o --set min_us=1000 -f json", "set a variable, print JSON"],
      ["bpfkit run firewall.bpf.o --dev eth0 --cgroup /sys/fs/cgroup", "say where programs go"],
      ["bpfkit run probe.bpf.o --attach handler=/usr/bin/node:main -c 'node -e 0'", "name a target"],
    ],
    run: async (args, invocation) => (await import("./commands/run.ts")).run(args, invocation),
  },
  {
    name: "new",
    summary: "start a project: a program in C or the tracing language, TypeScript around it, and tests",
    usage: "NAME [--lang c|bt]",
    options: newOptions,
    examples: [
      ["bpfkit new exec-watch", "a C program whose events TypeScript reads, typed"],
      ["bpfkit new failures --lang bt", "a script, and TypeScript that reads its records"],
    ],
    run: async (args, invocation) => (await import("./commands/new.ts")).newProject(args, invocation),
  },
  toolCommand(
    "prog",
    "show programs in the kernel and their instructions",
    "{show [PROG] | dump {xlated|jited} PROG [{file FILE | [opcodes] [linum] [visual]}] | load OBJ FILE | loadall OBJ DIR | pin PROG FILE | attach | detach | tracelog | run PROG data_in FILE | help}",
    [
      ["bpfkit prog show", "list programs, who holds them and how long they ran"],
      ["bpfkit prog show --tree", "each program with its maps, links, processes and pins"],
      ["bpfkit prog dump xlated id 42 linum", "instructions of a program with its source lines"],
      ["bpfkit prog dump jited id 42", "the machine code that the kernel runs, with names of what it calls"],
      [
        "bpfkit prog dump xlated id 42 visual | dot -Tsvg > flow.svg",
        "the program's control flow as a picture",
      ],
    ],
  ),
  toolCommand(
    "map",
    "show, read and change maps in the kernel",
    "{show | dump | lookup | update | delete | getnext | push | pop | peek | pin | freeze | event_pipe | create FILE | help} [MAP] [key BYTES] [value BYTES]",
    [["bpfkit map dump name counts", "all elements of a map, typed by its BTF"]],
  ),
  toolCommand("link", "show what programs are attached to", "{show [LINK] | pin LINK FILE | detach LINK}", [
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
    "gen",
    "write TypeScript modules from objects, link objects, cut BTF down to what objects need",
    "{{skeleton | subskeleton} FILE [name NAME] [event MAP STRUCT]... | object OUTPUT FILE... | min_core_btf BTF OUTPUT OBJECT...}",
    [
      ["bpfkit gen skeleton prog.bpf.o > prog.skel.ts", "one typed module with the object inside"],
      [
        "bpfkit gen skeleton prog.bpf.o event events 'struct event' > prog.skel.ts",
        "say which struct a ring buffer carries",
      ],
      ["bpfkit gen object app.o main.o library.o", "one object of several"],
      [
        "bpfkit gen min_core_btf /sys/kernel/btf/vmlinux small.btf app.o",
        "the kernel's types that an object asks for, for kernels without BTF",
      ],
    ],
  ),
  toolCommand(
    "feature",
    "ask the kernel what it can do with BPF; list what this program knows",
    "{probe [kernel | dev NAME] [full] [unprivileged] [macros [prefix PREFIX]] | list_builtins GROUP}",
    [
      ["bpfkit feature probe", "program types, map types and helpers of this kernel"],
      ["bpfkit feature list_builtins helpers", "names of all helper functions"],
    ],
  ),
  toolCommand(
    "cgroup",
    "show and change the programs of cgroups",
    "{show CGROUP | tree [ROOT] | attach CGROUP TYPE PROG | detach CGROUP TYPE PROG} [effective]",
    [["bpfkit cgroup tree", "all cgroups with programs"]],
  ),
  toolCommand("perf", "show which processes run programs from perf events", "show", [
    ["bpfkit perf show", "tracepoints, kprobes and uprobes with the processes that hold them"],
  ]),
  toolCommand(
    "net",
    "show and change the programs of network interfaces",
    "{show [dev NAME] | attach TYPE PROG dev NAME [overwrite | prepend] | detach TYPE dev NAME}",
    [
      ["bpfkit net show", "XDP, tc, flow dissector and netfilter programs of this network namespace"],
      ["bpfkit net attach xdpgeneric name my_xdp dev lo", "run an XDP program on an interface"],
    ],
  ),
  toolCommand(
    "struct_ops",
    "show, register and unload implementations of kernel structs",
    "{show [MAP] | dump [MAP] | register OBJ [LINK_DIR] | unregister MAP}",
    [["bpfkit struct_ops dump", "each with the programs behind its members"]],
  ),
  toolCommand("iter", "pin iterators as files", "pin OBJ PATH [map MAP]", [
    ["bpfkit iter pin tasks.bpf.o /sys/fs/bpf/tasks", "cat /sys/fs/bpf/tasks then runs the iterator"],
  ]),
  toolCommand("token", "show BPF file systems that hand out rights", "show", [
    ["bpfkit token show", "which commands, maps and programs each allows"],
  ]),
  toolCommand("batch", "run bpftool's commands from a file", "file {FILE | -}", [
    ["bpfkit batch file commands.txt", "one command a line, up to the first that fails"],
  ]),
  toolCommand("bpftool", "take a command line as bpftool does", "[OPTION...] OBJECT COMMAND...", [
    ["bpfkit bpftool -j prog show", "the same as a link named bpftool would"],
  ]),
  {
    name: "strace",
    summary: "show the bpf(2) calls of a command or a process",
    usage: "[OPTION...] {COMMAND [ARGUMENT...] | -p PID}",
    options: straceOptions,
    examples: [
      ["bpfkit strace -f bpftool prog show", "what bpftool asks the kernel"],
      [
        "bpfkit strace -f -v -o calls.txt -- bpftrace -e 'BEGIN { exit() }'",
        "all of it, instructions included",
      ],
      ["bpfkit strace -p 1234", "calls of a running process, until Ctrl-C"],
    ],
    run: async (args, invocation) => (await import("./commands/strace.ts")).strace(args, invocation),
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

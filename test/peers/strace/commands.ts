/** A name, and what is run under both tracers in a folder with `k.o` and, as `fs`, a bpf file system. */
export type Commands = Readonly<Record<string, readonly string[]>>;

/** Object of all commands: a tracepoint's program that sees nothing but execs of process 1. */
export const SOURCE = "tracepoint:sched:sched_process_exec /pid == 1/ { @[comm] = count(); }\n";

/**
 * What a machine may run that others use, too: scripts attach to nothing but their own processes or process 1, which
 * does no such thing. `folder` holds the tools.
 */
export function commands(folder: string): Commands {
  const [bpftool, bpftrace] = [`${folder}/bpftool`, `${folder}/bpftrace`];
  const loaded = (rest: string): string[] => [
    "sh",
    "-c",
    `${bpftool} prog load k.o fs/k pinmaps fs && ${rest}; rm -rf fs/*`,
  ];
  const script = (text: string): string[] => [bpftrace, "-e", text];
  return {
    "bpftool prog show": [bpftool, "prog", "show"],
    "bpftool prog load": loaded("true"),
    "bpftool prog show pinned": loaded(`${bpftool} prog show pinned fs/k`),
    "bpftool prog dump xlated": loaded(`${bpftool} prog dump xlated pinned fs/k`),
    "bpftool prog load of no object": [bpftool, "prog", "load", "/etc/hostname", "fs/x"],
    "bpftool map show": [bpftool, "map", "show"],
    "bpftool map create, update, lookup, dump, delete": [
      "sh",
      "-c",
      `${bpftool} map create fs/m type hash key 4 value 8 entries 5 name m flags 1;
     ${bpftool} map update pinned fs/m key 1 0 0 0 value 7 0 0 0 0 0 0 0;
     ${bpftool} map lookup pinned fs/m key 1 0 0 0; ${bpftool} map getnext pinned fs/m;
     ${bpftool} map dump pinned fs/m; ${bpftool} map delete pinned fs/m key 1 0 0 0; rm fs/m`,
    ],
    "bpftool map push, pop": [
      "sh",
      "-c",
      `${bpftool} map create fs/q type queue key 0 value 4 entries 5 name q;
     ${bpftool} map push pinned fs/q value 1 0 0 0; ${bpftool} map pop pinned fs/q; rm fs/q`,
    ],
    "bpftool link show": [bpftool, "link", "show"],
    "bpftool btf show": [bpftool, "btf", "show"],
    "bpftool net show": [bpftool, "net", "show"],
    "bpftool cgroup tree": [bpftool, "cgroup", "tree"],
    "bpftrace begin and map": script("BEGIN { @x[1] = count(); exit(); }"),
    "bpftrace histograms, end": script(
      'BEGIN { @ = hist(5); @b = lhist(5, 0, 10, 1); exit(); } END { printf("e"); }',
    ),
    "bpftrace interval": script("interval:ms:10 { exit(); }"),
    "bpftrace software event": script("software:cpu-clock:1000000000 { @ = count(); } BEGIN { exit(); }"),
    "bpftrace tracepoint": script(
      'tracepoint:syscalls:sys_enter_ptrace /pid == 1/ { printf("x"); } BEGIN { exit(); }',
    ),
    "bpftrace raw tracepoint": script(
      'rawtracepoint:sched_process_exec /pid == 1/ { printf("x"); } BEGIN { exit(); }',
    ),
    "bpftrace uprobe": [bpftrace, "-e", "uprobe:/bin/true:0 { exit(); } BEGIN { exit(); }"],
    "a shell with children and signals": ["sh", "-c", "(exit 3); kill -USR1 $$"],
  };
}

/** What is for a guest alone, where anything may be attached to: `bpfkit` is its command. */
export function guestCommands(folder: string, bpfkit: string): Commands {
  const [bpftool, bpftrace] = [`${folder}/bpftool`, `${folder}/bpftrace`];
  const script = (text: string): string[] => [bpftrace, "-e", `${text} BEGIN { exit(); }`];
  return {
    "bpftrace kprobe, kretprobe": script(
      "kprobe:do_nanosleep { @s[tid] = nsecs; } kretprobe:do_nanosleep { @ = hist(nsecs - @s[tid]); }",
    ),
    "bpftrace fentry, fexit": script(
      "fentry:vfs_read { @[args.count] = count(); } fexit:vfs_read { @ = sum(retval); }",
    ),
    "bpftrace profile": script("profile:hz:99 { @[kstack] = count(); }"),
    "bpftrace iterator": [bpftrace, "-e", 'iter:task { printf("%s", ctx.task.comm); exit(); }'],
    "bpftool feature probe": [bpftool, "feature", "probe", "kernel"],
    "bpftool prog loadall autoattach": [
      "sh",
      "-c",
      `${bpftool} prog loadall k.o fs/all autoattach; ${bpftool} link show; ${bpftool} perf show; rm -rf fs/*`,
    ],
    "bpftool struct_ops": [bpftool, "struct_ops", "show"],
    "bpftool net and cgroup": ["sh", "-c", `${bpftool} net show; ${bpftool} cgroup tree`],
    "bpftool batch": ["sh", "-c", `printf 'prog show\nmap show\nlink show\n' | ${bpftool} batch file -`],
    "bpfkit prog show": [bpfkit, "prog", "show"],
    "bpfkit trace": [bpfkit, "trace", "-e", "kprobe:do_nanosleep { @ = count(); } BEGIN { exit(); }"],
  };
}

import { expect } from "vitest";
import type { Guest } from "../guest.ts";
import type { Scenario } from "../scenario.ts";

interface ProbeRow {
  readonly name: string;
  readonly script: string;
  /** Shell line that makes the event; the tracer ends by itself or with it (`-c`). */
  readonly load: string;
  readonly output: RegExp;
  readonly skip?: (guest: Guest) => string | undefined;
}

const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";
const READS = "dd if=/dev/zero of=/dev/null bs=64 count=100";

/** One row a kind of probe: the script traces while `load` runs under `-c`, and must print `output`. */
const ROWS: readonly ProbeRow[] = [
  {
    name: "BEGIN and END",
    script: 'BEGIN { printf("first\\n"); } END { printf("last\\n"); }',
    load: "true",
    output: /first\n(?:.*\n)*last\n/,
  },
  {
    name: "tracepoint with a predicate and a count",
    script: 'tracepoint:syscalls:sys_enter_write /comm == "dd" && args.count == 64/ { @writes = count(); }',
    load: READS,
    output: /^@writes: 100$/m,
  },
  {
    name: "rawtracepoint",
    script: 'rawtracepoint:sys_enter /comm == "dd"/ { @calls = count(); }',
    load: READS,
    output: /^@calls: [2-9]\d\d$/m,
  },
  {
    name: "kprobe with arguments",
    script: 'kprobe:vfs_write /comm == "dd" && arg2 == 64/ { @bytes = sum(arg2); }',
    load: READS,
    output: /^@bytes: 6400$/m,
  },
  {
    name: "kretprobe with the return value",
    script: 'kretprobe:vfs_read /comm == "dd" && retval == 64/ { @reads = count(); }',
    load: READS,
    output: /^@reads: 100$/m,
  },
  {
    name: "fentry with typed arguments",
    script: 'fentry:vfs_write /comm == "dd" && args.count == 64/ { @bytes = sum(args.count); }',
    load: READS,
    output: /^@bytes: 6400$/m,
  },
  {
    name: "fexit with arguments and result",
    script: 'fexit:vfs_read /comm == "dd" && retval == 64/ { @asked = max(args.count); @reads = count(); }',
    load: READS,
    output: /^@asked: 64$(?:.*\n)*^@reads: 100$/m,
  },
  {
    name: "kernel structs through CO-RE",
    script:
      'kprobe:vfs_write /comm == "dd" && arg2 == 64/ { $f = (struct file *)arg0; @[str($f->f_path.dentry->d_name.name)] = count(); }',
    load: READS,
    output: /^@\[null\]: 100$/m,
  },
  {
    name: "uprobe and uretprobe",
    script: `uprobe:${LIBC}:malloc { @calls = count(); } uretprobe:${LIBC}:malloc /retval != 0/ { @returns = count(); }`,
    load: "node -e 1",
    output: /^@calls: \d+$(?:.*\n)*^@returns: \d+$/m,
  },
  {
    name: "addresses of variables in a library",
    script: `uprobe:${LIBC}:malloc { @single = max(*uaddr("__libc_single_threaded")); }`,
    load: "node -e 1",
    output: /^@single: 1$/m,
  },
  {
    name: "profile",
    script: 'profile:hz:99 /comm == "dd"/ { @samples = count(); }',
    load: "dd if=/dev/zero of=/dev/null bs=1 count=300000",
    output: /^@samples: [1-9]\d*$/m,
  },
  {
    name: "interval and exit()",
    script: 'interval:ms:100 { @ticks = count(); printf("tick\\n"); if (elapsed > 500000000) { exit(); } }',
    load: "sleep 30",
    output: /(?:tick\n){3,}(?:.*\n)*@ticks: \d+/,
  },
  {
    name: "many functions by a wildcard",
    script:
      'kprobe:vfs_r* /comm == "dd"/ { @calls = count(); } kretprobe:vfs_w* /comm == "dd"/ { @returns = count(); }',
    load: READS,
    output: /^@calls: 1\d\d\n(?:.*\n)*@returns: 1\d\d$/m,
  },
  {
    name: "many functions by one link",
    script: `kprobe:vfs_* { @ = count(); } uprobe:${LIBC}:str* { @u = count(); }`,
    load: "node /bpfkit/dist/bin/bpfkit.js link show",
    output: /kprobe_multi(?:.*\n)+.*uprobe_multi|uprobe_multi(?:.*\n)+.*kprobe_multi/,
    skip: (guest) =>
      ["5.10", "6.1"].includes(guest.kernel) ? "links of many uprobes came with Linux 6.6" : undefined,
  },
  {
    name: "software events",
    script: "software:page-faults:1 { @faults = count(); }",
    load: "node -e 1",
    output: /^@faults: [1-9]\d+$/m,
  },
  {
    name: "hardware events",
    script: "hardware:cpu-cycles:1000000 { @samples = count(); }",
    load: "dd if=/dev/zero of=/dev/null bs=1 count=300000",
    output: /^@samples: [1-9]\d*$/m,
    skip: () => "an emulated processor has no performance counters",
  },
  {
    name: "histograms, several keys, strings and time between probes",
    script: [
      'tracepoint:syscalls:sys_enter_read /comm == "dd"/ { @start[tid] = nsecs; }',
      "tracepoint:syscalls:sys_exit_read /@start[tid]/ {",
      "  @ns = hist(nsecs - @start[tid]); @sizes = lhist(args.ret, 0, 128, 32); @[comm, args.ret] = count();",
      "  delete(@start[tid]); }",
    ].join("\n"),
    load: READS,
    output: /^\[64, 96\)\s+100 \|@+/m,
  },
  {
    name: "kernel stacks with symbols",
    script: 'kprobe:vfs_write /comm == "dd" && arg2 == 64/ { @[kstack(3)] = count(); }',
    load: READS,
    output: /^@\[\n\s+vfs_write\+\d+\n/m,
  },
  {
    name: "user stacks with symbols",
    script: `uprobe:${LIBC}:malloc { @[ustack(2)] = count(); }`,
    load: "node -e 1",
    output: /malloc\+0/,
  },
  {
    name: "ksym, kaddr and cgroupid",
    script:
      'BEGIN { printf("%s %d %d\\n", ksym(kaddr("vfs_read")), kaddr("vfs_read") != 0, cgroupid("/sys/fs/cgroup") != 0); }',
    load: "true",
    output: /^vfs_read 1 1$/m,
  },
  {
    name: "parents through task_struct",
    script: [
      "tracepoint:syscalls:sys_enter_execve { $task = (struct task_struct *)curtask;",
      'printf("%s is a child of %s\\n", comm, $task->real_parent->comm); }',
    ].join("\n"),
    load: "sh -c 'true; /bin/busybox true'",
    output: / is a child of /,
  },
];

export const probes: readonly Scenario[] = ROWS.map(({ name, script, load, output, skip }) => ({
  name,
  ...(skip && { skip }),
  run: async (guest) => {
    const { stdout, stderr, code } = await guest.run(["./bpfkit", "trace", "-e", script, "-c", load]);
    expect(stderr).not.toMatch(/error/i);
    expect(stdout).toMatch(output);
    expect(code).toBe(0);
  },
}));

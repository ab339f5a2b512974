import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { FollowedProcess, ProcessHost } from "../../src/kernel/index.ts";
import { openRecordingTracer } from "../../src/open-kernel.ts";
import { RecordingReader, recordingBytes, RecordingWriter } from "../../src/recording/index.ts";
import { replay, run } from "./recordings.ts";

// One recording, made while all these scripts ran over the same processes: each of them must say of the recording
// what it said of the processes themselves.

const COMMAND =
  'sh -c "ls /etc > /dev/null; cat /etc/hostname > /dev/null; /bin/true & wait; kill -USR1 $$; exit 3"';

const SCRIPTS: Readonly<Record<string, string>> = {
  "process-creation.bt": readFileSync("examples/process-creation.bt", "utf8"),
  "process-lifetimes.bt": readFileSync("examples/process-lifetimes.bt", "utf8"),
  "file-opens.bt": readFileSync("examples/file-opens.bt", "utf8"),
  "read-latency.bt": readFileSync("examples/read-latency.bt", "utf8"),
  "read-sizes.bt": readFileSync("examples/read-sizes.bt", "utf8"),
  "syscall-counts.bt": readFileSync("examples/syscall-counts.bt", "utf8"),
  "cpu-profile.bt": readFileSync("examples/cpu-profile.bt", "utf8"),
  timers: `interval:ms:3 { printf("%d %d\\n", elapsed, @n); @n = 0 } tracepoint:raw_syscalls:sys_enter { @n++ }`,
  "raw tracepoints": `rawtracepoint:sys_enter { @[comm, args.id] = count(); @regs = sum(args.regs->orig_ax) }
    rawtracepoint:sched_process_fork { printf("%d %d %s\\n", args.parent->pid, args.child->pid, args.child->comm) }
    rawtracepoint:sched_process_exec { printf("%s %d\\n", args.p->comm, args.old_pid) }
    rawtracepoint:sched_process_exit { printf("%s %d\\n", args.p->comm, args.group_dead) }`,
  "the task's world": `tracepoint:sched:sched_process_exec { $t = curtask;
    printf("%d %d %s %d %d %d %d %lx\\n", $t->parent->tgid, $t->real_parent->parent->pid, $t->group_leader->comm,
      $t->cred->uid.val, $t->nsproxy->net_ns->ns.inum, $t->cgroups->dfl_cgrp->kn->id, $t->start_time,
      $t->cred->cap_effective.val); }`,
  "times of a thread": `tracepoint:syscalls:sys_exit_read { printf("%d %d %d\\n", curtask->utime, curtask->min_flt, curtask->nvcsw) }`,
  "arguments of a process": `tracepoint:sched:sched_process_exec {
    printf("%r\\n", buf(uptr(curtask->mm->arg_start), curtask->mm->arg_end - curtask->mm->arg_start)) }`,
  "buffers and structs": `tracepoint:syscalls:sys_enter_write { printf("%d %r\\n", args.count, buf(args.buf, args.count)) }
    tracepoint:syscalls:sys_enter_execve { join(args.argv) }`,
  "what lasts": `tracepoint:raw_syscalls:sys_enter { @s[tid] = nsecs } tracepoint:raw_syscalls:sys_exit /@s[tid]/ {
    @us[args.id] = hist((nsecs - @s[tid]) / 1000); delete(@s[tid]) }`,
  users: `tracepoint:signal:signal_deliver { printf("%s %d %d %d %s\\n", username, uid, gid, args.sig, comm); @[cgroup] = count() }
    END { printf("%d %d\\n", pid, cpid) }`,
  "random numbers": `tracepoint:raw_syscalls:sys_enter { @ = sum(rand % 100) }`,
};

describe.skipIf(process.platform !== "linux")("a recording and the processes that it is of", () => {
  const live = new Map<string, string>();
  let bytes: Uint8Array = new Uint8Array(0);

  beforeAll(async () => {
    const parts: Uint8Array[] = [];
    const writer = new RecordingWriter({ write: (part) => void parts.push(Uint8Array.from(part)) });
    const options = { writer, version: "0.1.0", events: "all", snap: 512 } as const;
    const { kernel, processes } = await openRecordingTracer(options);
    using _kernel = kernel;
    using _processes = processes;
    const shared = sharedHost(processes, Object.keys(SCRIPTS).length);
    await Promise.all(
      Object.entries(SCRIPTS).map(async ([name, script]) => {
        live.set(name, await run(script, kernel, shared, false, COMMAND));
      }),
    );
    bytes = Buffer.concat(parts);
  }, 60_000);

  test.each(Object.keys(SCRIPTS))("%s says the same of both, each time", async (name) => {
    const first = await replay(bytes, SCRIPTS[name]!);
    expect(first.out).toBe(live.get(name));
    expect(first.out.length).toBeGreaterThan(5);
    expect(first.missing).toBe(0);
    expect(await replay(bytes, SCRIPTS[name]!)).toEqual(first);
  });

  test("is whole, and has the process that it is about", () => {
    const reader = RecordingReader.open(recordingBytes(bytes));
    const kinds = new Set(Array.from(reader.entries(), ({ kind }) => kind));
    expect(reader.damage).toBeUndefined();
    expect([...kinds].toSorted()).toEqual(["end", "environment", "event", "file", "hook", "task", "taskEnd"]);
    expect(reader.environment.command).toContain("ls /etc");
  });

  afterAll(() => live.clear());
});

/** Several sessions with one command, which runs once all of them wait for it. */
function sharedHost(processes: ProcessHost, sessions: number): ProcessHost {
  let command: FollowedProcess | undefined;
  let waiting = 0;
  return {
    startCommand: (line) => (command ??= processes.startCommand(line)),
    follow: (pid) => processes.follow(pid),
    end: () => processes.end(),
    go() {
      waiting++;
      if (waiting === sessions) processes.go();
    },
  };
}

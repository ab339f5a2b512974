import { describe, expect, test } from "vitest";
import { call, forked, probed, recording, replay, returned, text } from "./recordings.ts";

const OPENAT = 257;
const READ = 0;
const SECOND = 1_000_000_000;

const PATH = 0x7fff_0000_1000n;

const session = recording([
  call(0.5 * SECOND, OPENAT, [0xffffff9c, PATH, 0, 0], [text(PATH, "/etc/hostname")]),
  returned(0.6 * SECOND, OPENAT, 3),
  call(1.5 * SECOND, READ, [3, PATH, 128]),
  returned(1.6 * SECOND, READ, -4),
  { kind: "task", pid: 101, change: { tgid: 101, comm: "sh", parent: 100, uid: 1000, gid: 1000 } },
  forked(2.5 * SECOND, 100, 101),
  { kind: "task", pid: 100, change: { comm: "renamed" } },
  call(2.6 * SECOND, READ, [3, PATH, 128]),
  { kind: "end", time: 4 * SECOND },
]);

describe("a script over a recording", () => {
  test("sees calls and their texts", async () => {
    const script = `tracepoint:syscalls:sys_enter_openat { @name[tid] = args.filename; printf("%s %d %s %s %d %d\\n",
      comm, pid, username, str(args.filename), cpu, args.dfd); }
      tracepoint:syscalls:sys_exit_openat { printf("%s %d\\n", str(@name[tid]), args.ret); delete(@name[tid]); }
      tracepoint:syscalls:sys_exit_read { printf("%d\\n", args.ret) }`;
    expect(await replay(session, script)).toMatchObject({
      out: "sh 100 alice /etc/hostname 1 -100\n/etc/hostname 3\n-4\n",
      missing: 0,
      events: 6,
    });
  });

  test("sees what every recorded event is, from all its sides and in their order", async () => {
    const script = `rawtracepoint:sys_enter { printf("raw %d %d\\n", args.id, args.regs->di) }
      tracepoint:raw_syscalls:sys_enter { printf("all %d\\n", args.id) }
      tracepoint:syscalls:sys_enter_read { printf("read %d\\n", args.fd) }
      rawtracepoint:sys_exit { printf("ret %d\\n", args.ret) }
      rawtracepoint:sched_process_fork { printf("%s %d\\n", args.parent->comm, args.child->tgid) }
      tracepoint:sched:sched_process_fork { printf("%d %d\\n", args.parent_pid, args.child_pid) }`;
    expect((await replay(session, script)).out).toBe(
      [
        "raw 257 -100",
        "all 257",
        "ret 3",
        "raw 0 3",
        "all 0",
        "read 3",
        "ret -4",
        "sh 101",
        "100 101",
        "raw 0 3",
        "all 0",
        "read 3",
        "",
      ].join("\n"),
    );
  });

  test("sees threads and their parents, as they were then", async () => {
    const script = `tracepoint:syscalls:sys_enter_read { printf("%s %d %s\\n", comm, curtask->parent->pid, curtask->parent->comm) }`;
    expect((await replay(session, script)).out).toBe("sh 1 init\nrenamed 1 init\n");
  });

  test("runs in the recording's time, with its timers and its clock", async () => {
    const script = `BEGIN { printf("%s\\n", strftime("%F %T", nsecs)) }
      interval:s:1 { printf("tick %d %d\\n", elapsed / 1000000, @calls) }
      tracepoint:raw_syscalls:sys_enter { @calls++; printf("call %d\\n", elapsed / 1000000) }
      END { time("%T\\n"); clear(@calls) }`;
    const { out } = await replay(session, script);
    expect(out.split("\n").slice(1)).toEqual([
      "call 500",
      "tick 1000 1",
      "call 1500",
      "tick 2000 2",
      "call 2600",
      "tick 3000 3",
      "tick 4000 3",
      expect.stringMatching(/:\d\d:29$/),
      "",
    ]);
  });

  test("reads no memory that the recording does not hold, and that is counted", async () => {
    const script = `tracepoint:syscalls:sys_enter_read { printf("[%s]\\n", str(args.buf)) }`;
    expect(await replay(session, script)).toMatchObject({ out: "[]\n[]\n", missing: 2 });
  });

  test("ends where it says exit(), with the maps as they were then", async () => {
    const script = `tracepoint:raw_syscalls:sys_enter { @n++; if (@n == 2) { exit() } }`;
    expect((await replay(session, script)).out).toBe("@n: 2\n");
  });

  test("stops behind any event, with the maps as they are then and no END", async () => {
    const script = `tracepoint:raw_syscalls:* { @[probe] = count() } END { clear(@) }`;
    const enter = "@[tracepoint:raw_syscalls:sys_enter]";
    const exit = "@[tracepoint:raw_syscalls:sys_exit]";
    expect((await replay(session, script, { until: 1 })).out).toBe(`${enter}: 1\n`);
    expect((await replay(session, script, { until: 3 })).out).toBe(`${exit}: 1\n${enter}: 2\n`);
    expect((await replay(session, script, { until: 1000 })).out).toBe(`${exit}: 2\n${enter}: 3\n`);
  });

  test("answers the same each time", async () => {
    const script = `tracepoint:raw_syscalls:sys_enter { @[rand % 1000, nsecs, comm] = count(); print(@) }
      BEGIN { printf("%d %s\\n", pid, comm) }`;
    const first = await replay(session, script);
    expect(first.out).toContain("99 bpfkit\n");
    expect(await replay(session, script)).toEqual(first);
  });

  test("sees functions of the kernel that were probed, with their arguments", async () => {
    // rdx, then rax.
    const file = recording([probed(3, 12, 4096n), probed(4, 10, 77n)]);
    const script = `kprobe:vfs_* { printf("%s %d\\n", func, arg2) } kretprobe:vfs_read { printf("%d\\n", retval) }`;
    expect((await replay(file, script)).out).toMatch(/4096\n77\n$/);
    await expect(replay(file, "kprobe:vfs_write { }")).rejects.toThrow("vfs_write");
  });

  test("names what the recording has no events of", async () => {
    await expect(replay(session, "tracepoint:sched:sched_switch { }")).rejects.toThrow("sched_switch");
    await expect(replay(session, "tracepoint:sched:sched_process_exec { }")).rejects.toThrow(
      "sched_process_exec",
    );
  });
});

test("an event of a hook that the recording does not name is passed over", async () => {
  const strange = recording([
    { ...forked(5, 100, 101), hook: 77 },
    { ...call(6, OPENAT, []), context: new Uint8Array(3) },
    { ...call(7, OPENAT, []), pid: 424_242, context: new Uint8Array(0) },
    returned(8, OPENAT, 0),
  ]);
  const script = `tracepoint:syscalls:sys_exit_openat { @ = count() } rawtracepoint:sys_enter { @raw[pid, args.id] = count() }
    rawtracepoint:sched_process_fork { @fork = count() }`;
  const { events, out } = await replay(strange, script);
  expect(events).toBe(4);
  expect(out).toContain("@: 1\n");
});

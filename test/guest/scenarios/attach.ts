import { expect } from "vitest";
import { countingObject } from "../../attach/counting-object.ts";
import { usdtExecutable } from "../../attach/usdt-executable.ts";
import { toElf } from "../../../src/object/index.ts";
import { isSince } from "../scenario.ts";
import type { Scenario } from "../scenario.ts";

interface HookRow {
  readonly section: string;
  /** First kernel that has it. */
  readonly since?: string;
  /** Shell line that fires it; absent: attached only. */
  readonly load?: string;
  readonly result?: number;
}

const LIBC = "/lib/x86_64-linux-gnu/libc.so.6";
const READ = "cat /proc/version >/dev/null";
const NODE = "node -e 0";

/** Programs that attach themselves by their section. */
const ROWS: readonly HookRow[] = [
  { section: "kprobe/vfs_read", load: READ },
  { section: "kretprobe/vfs_read", load: READ },
  { section: "ksyscall/openat", load: READ },
  { section: "kretsyscall/openat", load: READ },
  // They came with 5.18, but Debian's 6.1 has no CONFIG_FPROBE.
  { section: "kprobe.multi/vfs_rea?", since: "6.6", load: READ },
  { section: "kretprobe.multi/vfs_read", since: "6.6", load: READ },
  { section: "kprobe.session/vfs_rea*", since: "6.10", load: READ },
  { section: "uprobe/libc.so.6:malloc", load: NODE },
  { section: `uretprobe/${LIBC}:malloc@GLIBC_2.2.5`, load: NODE },
  { section: "uprobe.multi/libc.so.6:mallo*", since: "6.6", load: NODE },
  { section: "uretprobe.multi/libc.so.6:malloc", since: "6.6", load: NODE },
  { section: "uprobe.session/libc.so.6:malloc", since: "6.13", load: NODE },
  { section: "usdt//tmp/ticker:demo:tick", load: "/tmp/ticker" },
  { section: "tracepoint/sched/sched_process_exec", load: READ },
  { section: "tp/syscalls/sys_enter_openat", load: READ },
  { section: "raw_tp/sys_enter", load: READ },
  { section: "tp_btf/sys_exit", load: READ },
  { section: "fentry/vfs_read", load: READ },
  { section: "fexit/vfs_read", load: READ },
  { section: "fmod_ret/bpf_modify_return_test", since: "6.6" },
  { section: "fsession/vfs_read", since: "7.0", load: READ },
  { section: "fentry.multi/vfs_rea*", since: "7.2", load: READ },
  { section: "iter/task" },
];

export const attachment: readonly Scenario[] = [
  {
    name: "every section that names its hook attaches itself and fires",
    run: async (guest) => {
      const rows = ROWS.filter(({ since }) => isSince(guest, since));
      await guest.write("/tmp/ticker", usdtExecutable(3));
      await guest.write("/tmp/count.bpf.o", toElf(countingObject(rows)));
      const loads = [...new Set(rows.flatMap((row) => row.load ?? []))].join("\n");
      await guest.write("/tmp/load.sh", Buffer.from(`${loads}\n`));
      await guest.shell("chmod +x /tmp/ticker");
      const { stdout, stderr } = await guest.run(
        "./bpfkit run /tmp/count.bpf.o -f json -c".split(" ").concat("sh /tmp/load.sh"),
      );
      expect(stderr).toContain(`Attached ${rows.length} programs`);
      const fired = firedElements(stdout);
      const silent = rows.filter(({ load }, index) => load !== undefined && !fired.has(index));
      expect(silent.map(({ section }) => section)).toEqual([]);
      expect(await guest.shell("./bpfkit link show")).toBe("");
    },
  },
  {
    name: "links are pinned by autoattach, and fire when nobody runs any more",
    // What is no link cannot be pinned: perf events became links in 5.15.
    skip: (guest) => (isSince(guest, "5.15") ? undefined : "perf events are no links before 5.15"),
    run: async (guest) => {
      const sections = [{ section: "kprobe/vfs_read" }, { section: "xdp", result: 2 }];
      await guest.write("/tmp/pin.bpf.o", toElf(countingObject(sections)));
      const loaded = await guest.run(
        "./bpfkit prog loadall /tmp/pin.bpf.o /sys/fs/bpf/pin autoattach".split(" "),
      );
      expect(loaded.stderr).toMatch(/count_1 does not support autoattach.*a network interface/);
      expect(loaded.code).toBe(0);
      await guest.shell(READ);
      expect(await guest.shell("./bpfkit link show")).toMatch(/perf_event|kprobe/);
      expect(await guest.shell("./bpfkit map dump name hits")).not.toMatch(
        /key: 00 00 00 00 {2}value: 00 00/,
      );
      await guest.shell("rm -r /sys/fs/bpf/pin");
      expect(await guest.shell("./bpfkit link show")).toBe("");
    },
  },
  {
    name: "Ctrl-C ends a run, with the maps",
    run: async (guest) => {
      const sections = [{ section: "tracepoint/sched/sched_process_exec" }];
      await guest.write("/tmp/exec.bpf.o", toElf(countingObject(sections)));
      const running = guest.start("./bpfkit run /tmp/exec.bpf.o".split(" "));
      await running.waitFor(/Attached 1 program: count_0/);
      await guest.shell(READ);
      running.signal("SIGINT");
      const { stdout, code } = await running.end;
      expect(stdout).toMatch(/^hits:\n {2}0: /m);
      expect(code).toBe(0);
    },
  },
];

/** Keys of map `hits` that count something, of the JSON of a run. */
export function firedElements(stdout: string): ReadonlySet<number> {
  const line = stdout.split("\n").find((text) => text.startsWith('{"type":"map","map":"hits"'));
  return new Set(Array.from(line?.matchAll(/"key":(\d+)/g) ?? [], ([, key]) => Number(key)));
}

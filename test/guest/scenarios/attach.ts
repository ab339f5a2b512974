import { expect } from "vitest";
import { countingObject } from "../../attach/counting-object.ts";
import { usdtExecutable } from "../../attach/usdt-executable.ts";
import { toElf } from "../../../src/object/index.ts";
import type { Guest } from "../guest.ts";
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
  { section: "kprobe.multi/vfs_rea?", since: "5.18", load: READ },
  { section: "kretprobe.multi/vfs_read", since: "5.18", load: READ },
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

/** Whether the guest's kernel has what came with `since`. */
export function isSince(guest: Guest, since: string | undefined): boolean {
  const [major = 0, minor = 0] = guest.kernel.split(".").map(Number);
  const [sinceMajor = 0, sinceMinor = 0] = (since ?? "0.0").split(".").map(Number);
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
}

export const attachment: readonly Scenario[] = [
  {
    name: "every section that names its hook attaches itself and fires",
    run: async (guest) => {
      const rows = ROWS.filter(({ since }) => isSince(guest, since));
      await guest.write("/tmp/ticker", usdtExecutable(3));
      await guest.write("/tmp/count.bpf.o", toElf(countingObject(rows)));
      // Links of perf events came with 5.15: what is no link cannot be pinned.
      if (!isSince(guest, "5.15")) return;
      await guest.shell("chmod +x /tmp/ticker");
      await guest.shell("./bpfkit prog loadall /tmp/count.bpf.o /sys/fs/bpf/count autoattach");
      for (const load of new Set(rows.flatMap((row) => row.load ?? []))) await guest.shell(load);
      const dumped: unknown = JSON.parse(await guest.shell("./bpfkit map -j dump name hits"));
      await guest.shell("rm -r /sys/fs/bpf/count");
      expect(silent(rows, dumped)).toEqual([]);
      expect(await guest.shell("./bpfkit link show")).toBe("");
    },
  },
];

/** Sections that should have fired, and did not. */
function silent(rows: readonly HookRow[], dumped: unknown): string[] {
  const elements = Array.isArray(dumped) ? dumped : [];
  return rows
    .filter(({ load }, index) => load !== undefined && !fired(elements[index]))
    .map(({ section }) => section);
}

function fired(element: unknown): boolean {
  return /"value":\[(?!("0x00",?){8}\])/.test(JSON.stringify(element) ?? "");
}

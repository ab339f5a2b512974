import { describe, expect, it, test } from "vitest";
import { sectionKind } from "../object/index.ts";
import { AttachError } from "./attach-error.ts";
import { sectionHook, type HookPlaces } from "./section-hook.ts";

function hookOf(section: string, places: HookPlaces = {}): unknown {
  const choice = sectionHook({ name: "p", section, type: sectionKind(section)!.type }, places);
  return "hook" in choice ? choice.hook : choice.open;
}

describe("sections that say where they attach", () => {
  test.each<[string, unknown]>([
    ["kprobe/do_unlinkat", { kind: "kprobe", function: "do_unlinkat", offset: 0, return: false }],
    ["kprobe/f.isra.0+0x10", { kind: "kprobe", function: "f.isra.0", offset: 16, return: false }],
    ["kretprobe/vfs_read", { kind: "kprobe", function: "vfs_read", offset: 0, return: true }],
    ["kprobe.multi/tcp_*", { kind: "kprobe-multi", functions: "tcp_*", mode: "entry" }],
    ["kretprobe.multi/tcp_*", { kind: "kprobe-multi", functions: "tcp_*", mode: "return" }],
    ["kprobe.session/tcp_*", { kind: "kprobe-multi", functions: "tcp_*", mode: "session" }],
    ["ksyscall/openat", { kind: "ksyscall", syscall: "openat", return: false }],
    ["kretsyscall/openat", { kind: "ksyscall", syscall: "openat", return: true }],
    [
      "uprobe/libc.so.6:malloc",
      { kind: "uprobe", path: "libc.so.6", symbol: "malloc", offset: 0, return: false },
    ],
    [
      "uprobe.s//bin/bash:readline+4",
      { kind: "uprobe", path: "/bin/bash", symbol: "readline", offset: 4, return: false },
    ],
    ["uprobe//bin/a:0x1140", { kind: "uprobe", path: "/bin/a", offset: 0x1140, return: false }],
    [
      "uretprobe/libc.so.6:fopen@GLIBC_2.2.5",
      { kind: "uprobe", path: "libc.so.6", symbol: "fopen@GLIBC_2.2.5", offset: 0, return: true },
    ],
    ["uprobe.multi/a.so:f*", { kind: "uprobe-multi", path: "a.so", functions: "f*", mode: "entry" }],
    ["uprobe.session.s/a.so:f", { kind: "uprobe-multi", path: "a.so", functions: "f", mode: "session" }],
    [
      "usdt//bin/node:node:gc__start",
      { kind: "usdt", path: "/bin/node", provider: "node", name: "gc__start" },
    ],
    ["tp/sched/sched_switch", { kind: "tracepoint", category: "sched", event: "sched_switch" }],
    [
      "tracepoint.s/syscalls/sys_enter_openat",
      { kind: "tracepoint", category: "syscalls", event: "sys_enter_openat" },
    ],
    ["raw_tp.w/nbd_send_request", { kind: "rawtracepoint", event: "nbd_send_request" }],
    ["tp_btf/sched_switch", { kind: "typed" }],
    ["fentry.s/vfs_open", { kind: "typed" }],
    ["fsession/vfs_open", { kind: "typed" }],
    ["fexit.multi/vfs_*", { kind: "typed-multi", pattern: "vfs_*" }],
    ["freplace/handle", { kind: "typed" }],
    ["lsm/file_open", { kind: "typed" }],
    ["iter/task", { kind: "iterator" }],
  ])("%s", (section, hook) => {
    expect(hookOf(section)).toEqual(hook);
  });
});

describe("sections that leave the place open", () => {
  test.each<[string, string]>([
    ["kprobe", 'a target, as SEC("kprobe/...") would name'],
    ["usdt", 'a target, as SEC("usdt/...") would name'],
    ["xdp", "a network interface"],
    ["tcx/egress", "a network interface"],
    ["netkit/peer", "a network interface"],
    ["cgroup/connect4", "a cgroup"],
    ["lsm_cgroup/socket_bind", "a cgroup"],
    ["sockops", "a cgroup"],
    ["sk_lookup", "a network namespace"],
    ["sk_msg", "a sockmap"],
    ["netfilter", "a netfilter hook"],
    ["perf_event", "a sampling frequency"],
    ["lirc_mode2", "a receiver of infrared"],
    ["socket", "a socket"],
    ["sk_reuseport/migrate", "a socket"],
    ["xdp/devmap", "an element of a devmap or cpumap"],
    ["struct_ops/init", "its struct_ops map, which is what attaches"],
    ["syscall", "a test run: nothing fires it"],
    ["lwt_xmit", "a route (ip route add ... encap bpf, with the program pinned)"],
  ])("%s: %s", (section, open) => {
    expect(hookOf(section)).toBe(open);
  });

  it("are filled in by places", () => {
    expect(hookOf("xdp", { interface: "eth0", xdpMode: "generic" })).toEqual({
      kind: "xdp",
      interface: "eth0",
      mode: "generic",
    });
    expect(hookOf("tcx/egress", { interface: "eth0" })).toEqual({ kind: "tcx", interface: "eth0" });
    expect(hookOf("cgroup/dev", { cgroup: "/c" })).toEqual({ kind: "cgroup", path: "/c" });
    expect(hookOf("kprobe", { target: "vfs_read" })).toMatchObject({ function: "vfs_read" });
    expect(hookOf("perf_event", { frequency: 99 })).toEqual({ kind: "profile", frequency: 99 });
  });
});

test.each(["kprobe/a b", "kretprobe/f+8", "uprobe/malloc", "uretprobe/a.so:f+8", "usdt/a:b", "tp/sched"])(
  "%s is refused",
  (section) => {
    expect(() => hookOf(section)).toThrow(AttachError);
  },
);

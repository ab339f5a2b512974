/**
 * Commands that change the kernel, a line each: `$T` begins those of the tool that is tried, `$O` those of bpfkit, which
 * looks at what came of it; the rest is for the shell.
 */
export interface Effect {
  readonly name: string;
  /** First kernel that has what it takes. */
  readonly since?: string;
  readonly lines: readonly string[];
  /** What the lines print, with ids and times taken out, and exit codes other than 0. */
  readonly shows: RegExp;
}

const ALL = "/sys/fs/bpf/all";
const LOAD = `$T prog loadall /objects/effects.bpf.o ${ALL}`;
/** Removes all pins, and with them, after a grace period of RCU, what was loaded. */
const UNDO = ["rm -r /sys/fs/bpf/*; sleep 1", "$O prog show"];
const CGROUP = "/sys/fs/cgroup/effects";
const CONTROLS = "cat /proc/sys/net/ipv4/tcp_available_congestion_control";

export const EFFECTS: readonly Effect[] = [
  {
    name: "prog load takes other maps by name and by place, and pins maps",
    lines: [
      "$T map create /sys/fs/bpf/shared type array key 4 value 8 entries 1 name shared",
      "$T prog load /objects/effects.bpf.o /sys/fs/bpf/named map name hits pinned /sys/fs/bpf/shared",
      `${LOAD} map idx 0 pinned /sys/fs/bpf/shared pinmaps /sys/fs/bpf/maps`,
      `${LOAD}2 map idx 99 pinned /sys/fs/bpf/shared`,
      "$T -j prog run pinned /sys/fs/bpf/named data_in /tmp/packet repeat 3",
      `$T -j prog run pinned ${ALL}/count data_in /tmp/packet`,
      `ls /sys/fs/bpf ${ALL} /sys/fs/bpf/maps`,
      "$O -j map dump pinned /sys/fs/bpf/shared",
      "$O -j map dump pinned /sys/fs/bpf/maps/shared",
      "$T map freeze pinned /sys/fs/bpf/shared",
      "$T map update pinned /sys/fs/bpf/shared key 0 0 0 0 value 0 0 0 0 0 0 0 0",
      ...UNDO,
    ],
    shows: /^ended with 255\n(?:.*\n)*.*"value":\["0x04".*\n.*"value":\["0x04".*\nended with 255\n$/,
  },
  {
    name: "prog load by type, and onto a device",
    lines: [
      "$T prog load /objects/relocated.bpf.o /sys/fs/bpf/typed type classifier",
      "$O -j prog show pinned /sys/fs/bpf/typed",
      "$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound offload_dev lo",
      "$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound offload_dev nodev",
      "$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound type nonsense",
      "$T map create /sys/fs/bpf/moved type hash key 4 value 4 entries 1 name moved offload_dev lo",
      "$T prog load /objects/effects.bpf.o /sys/fs/bpf/typed",
      ...UNDO,
    ],
    shows: /^.*"type":"sched_cls".*\n(?:ended with 255\n){5}$/,
  },
  {
    name: "prog load by the types of another kernel",
    lines: [
      "$T prog load /objects/relocated.bpf.o /sys/fs/bpf/other kernel_btf /objects/relocated-other.bpf.o",
      "$O prog dump xlated pinned /sys/fs/bpf/other",
      "$T prog load /objects/relocated.bpf.o /sys/fs/bpf/none kernel_btf /bin/busybox",
      ...UNDO,
    ],
    shows: /r0 = 1000\n(?:.*\n)*ended with 255\n$/,
  },
  {
    name: "prog attach and detach: the maps of sockets, and the flow dissector",
    since: "6.1",
    lines: [
      LOAD,
      "$T map create /sys/fs/bpf/sockets type sockmap key 4 value 4 entries 2 name sockets",
      `$T prog attach pinned ${ALL}/message sk_msg_verdict pinned /sys/fs/bpf/sockets`,
      `$T prog attach pinned ${ALL}/verdict sk_skb_stream_verdict pinned /sys/fs/bpf/sockets`,
      `$T prog attach pinned ${ALL}/dissect flow_dissector`,
      "$O net show",
      "node /tmp/query.mjs /sys/fs/bpf/sockets",
      `$T prog detach pinned ${ALL}/message sk_msg_verdict pinned /sys/fs/bpf/sockets`,
      `$T prog detach pinned ${ALL}/dissect flow_dissector`,
      "$O net show",
      "node /tmp/query.mjs /sys/fs/bpf/sockets",
      `$T prog detach pinned ${ALL}/message sk_msg_verdict pinned /sys/fs/bpf/sockets`,
      `$T prog attach pinned ${ALL}/message sk_msg_verdict`,
      ...UNDO,
    ],
    shows:
      /flow_dissector:\nid ID\n(?:.*\n)*message 1 verdict 1\n(?:.*\n)*message 0 verdict 1\n(?:ended with \d+\n){2}$/,
  },
  {
    name: "cgroup attach and detach",
    lines: [
      LOAD,
      `mkdir ${CGROUP}`,
      `$T cgroup attach ${CGROUP} nonsense pinned ${ALL}/first multi`,
      `$T cgroup attach ${CGROUP} cgroup_inet_ingress pinned ${ALL}/first multi`,
      `$T cgroup attach ${CGROUP} cgroup_inet_ingress pinned ${ALL}/second multi`,
      `$T cgroup attach ${CGROUP} cgroup_inet_egress pinned ${ALL}/first override`,
      `$O cgroup show ${CGROUP}`,
      `$T cgroup detach ${CGROUP} cgroup_inet_ingress pinned ${ALL}/first`,
      `$T cgroup detach ${CGROUP} cgroup_inet_ingress pinned ${ALL}/first`,
      `$O cgroup show ${CGROUP}`,
      `rmdir ${CGROUP}`,
      ...UNDO,
    ],
    shows: /\nID cgroup_inet_ingress multi +first +\nID cgroup_inet_ingress multi +second/,
  },
  {
    name: "net attach and detach: XDP",
    lines: [
      LOAD,
      `$T net attach xdpgeneric pinned ${ALL}/pass dev lo`,
      "$O net show dev lo",
      `$T net attach xdpgeneric pinned ${ALL}/drop dev lo`,
      `$T net attach xdpgeneric pinned ${ALL}/drop dev lo overwrite`,
      "$O net show dev lo",
      `$T net attach xdpoffload pinned ${ALL}/drop dev lo`,
      "$T net detach xdpgeneric dev lo",
      "$O net show dev lo",
      "$T net detach xdp dev lo",
      ...UNDO,
    ],
    shows: /lo\(1\) generic id ID\n/,
  },
  {
    name: "net attach and detach: tcx",
    since: "6.6",
    lines: [
      LOAD,
      `$T net attach tcx_ingress pinned ${ALL}/classify dev lo`,
      `$T net attach tcx_ingress pinned ${ALL}/classify_too dev lo prepend`,
      `$T net attach tcx_egress pinned ${ALL}/classify dev lo`,
      "$O net show dev lo",
      `$T net attach tcx_egress pinned ${ALL}/classify dev lo overwrite`,
      "$T net detach tcx_ingress dev lo",
      "$T net detach tcx_egress dev lo",
      "$O net show dev lo",
      "$T net detach tcx_egress dev lo",
      "node /tmp/clear-tcx.mjs",
      ...UNDO,
    ],
    shows: /lo\(1\) tcx\/ingress classify_too prog_id ID \nlo\(1\) tcx\/ingress classify prog_id ID \n/,
  },
  {
    name: "iter pin",
    lines: [
      "$T iter pin /objects/iterator.bpf.o /sys/fs/bpf/tasks",
      "cat /sys/fs/bpf/tasks",
      "$T map create /sys/fs/bpf/numbers type hash key 4 value 4 entries 2 name numbers",
      "$T map update pinned /sys/fs/bpf/numbers key 1 0 0 0 value 2 0 0 0",
      "$T iter pin /objects/iterator-map.bpf.o /sys/fs/bpf/elements map pinned /sys/fs/bpf/numbers",
      "cat /sys/fs/bpf/elements",
      "$T iter pin /objects/iterator-map.bpf.o /sys/fs/bpf/no_map",
      "$T iter pin /objects/effects.bpf.o /sys/fs/bpf/no_iterator",
      "$O -f link show",
      ...UNDO,
    ],
    shows: /^(?:first\n)+ended with \d+\nended with \d+\nID: iter/,
  },
  {
    name: "link pin and detach",
    lines: [
      `$T prog loadall /objects/iterator.bpf.o ${ALL} autoattach`,
      `$T link pin pinned ${ALL}/tasks /sys/fs/bpf/again`,
      "$O -f link show",
      "$T link detach pinned /sys/fs/bpf/again",
      `rm ${ALL}/tasks /sys/fs/bpf/again`,
      "$O link show",
      ...UNDO,
    ],
    shows: /^ID: iter {2}prog ID {2}target_name task {2}\n(?:\tpinned .*\n){2}ended with 1\n$/,
  },
  {
    name: "struct_ops register, dump and unregister",
    lines: [
      "$T struct_ops register /objects/struct-ops.bpf.o",
      CONTROLS,
      "$T struct_ops dump name by_map",
      "$O struct_ops show",
      "$T struct_ops register /objects/struct-ops.bpf.o",
      "$T struct_ops unregister name by_map",
      "$T struct_ops unregister name by_map",
      CONTROLS,
    ],
    shows: /^.*bpf_by_map.*\n/,
  },
  {
    name: "struct_ops register, held by a link",
    since: "6.4",
    lines: [
      "$T struct_ops register /objects/struct-ops-link.bpf.o /sys/fs/bpf/ops",
      CONTROLS,
      "ls /sys/fs/bpf/ops",
      "$T struct_ops unregister name by_link",
      "$T struct_ops unregister name by_map",
      "rm -r /sys/fs/bpf/*",
      CONTROLS,
    ],
    shows: /bpf_by_link(?:.*\n)*by_link\n/,
  },
  {
    name: "prog tracelog",
    lines: [
      LOAD,
      // The shell's: it goes on while the next program runs.
      `($T prog tracelog >/tmp/log & echo $! >/tmp/logging; wait $!; echo $? >/tmp/logged) 2>/dev/null &
sleep 3; $T prog run pinned ${ALL}/say data_in /tmp/packet >/dev/null; sleep 1
kill -INT $(cat /tmp/logging); sleep 1; cat /tmp/logged`,
      "grep -o 'bpf_trace_printk: said by a program' /tmp/log",
      ...UNDO,
    ],
    shows: /^\d+\nbpf_trace_printk: said by a program\n$/,
  },
  {
    name: "prog tracelog of a program's own streams",
    since: "6.18",
    lines: [
      LOAD,
      `$T prog tracelog stdout pinned ${ALL}/say`,
      `$T prog tracelog stderr pinned ${ALL}/say`,
      `$T prog tracelog stdin pinned ${ALL}/say`,
      ...UNDO,
    ],
    shows: /^ended with 255\n$/,
  },
];

const IMPORTS = `
import { queryPrograms } from "/bpfkit/dist/inspect/index.js";
import { openKernel } from "/bpfkit/dist/open-kernel.js";
import { BPF_ATTACH_TYPE } from "/bpfkit/dist/uapi/index.js";

const kernel = await openKernel();
`;

/** Files of a guest that the lines use, by their paths. */
export const EFFECT_FILES: Readonly<Record<string, string>> = {
  "/tmp/packet": "\0".repeat(64),
  // How many programs a sockmap has of two kinds.
  "/tmp/query.mjs": `${IMPORTS}
const map = kernel.bpf("OBJ_GET", { pathname: process.argv[2] });
const count = (type) => queryPrograms(kernel, map, type).length;
const { SK_MSG_VERDICT, SK_SKB_STREAM_VERDICT } = BPF_ATTACH_TYPE;
console.log("message", count(SK_MSG_VERDICT), "verdict", count(SK_SKB_STREAM_VERDICT));
`,
  // What bpftool's commands cannot take off: programs are detached by name, of several in one place.
  "/tmp/clear-tcx.mjs": `${IMPORTS}
for (const attach_type of [BPF_ATTACH_TYPE.TCX_INGRESS, BPF_ATTACH_TYPE.TCX_EGRESS])
  for (const { id } of queryPrograms(kernel, 1, attach_type)) {
    const attach_bpf_fd = kernel.bpf("PROG_GET_FD_BY_ID", { prog_id: id });
    kernel.bpf("PROG_DETACH", { target_fd: 1, attach_bpf_fd, attach_type });
  }
`,
};

/** What lines printed without what differs from run to run: ids, times, sizes that the kernel chose. */
export function steady(text: string): string {
  return text
    .replace(/^\d+(?=: )/gm, "ID")
    .replace(/^\d+ {2,}/gm, "ID ")
    .replace(/\b(id|prog|prog_id|link_id|map_ids?|btf_id)(":? ?\[?| |:)\d+(?:,\d+)*/g, "$1$2ID")
    .replace(/"(loaded_at|duration|bytes_memlock)":\d+/g, '"$1":0')
    .replace(/loaded_at \S+/g, "loaded_at")
    .replace(/"pids":\[.*?\],?|\n\tpids .*/g, "");
}

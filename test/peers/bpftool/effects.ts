/** Commands that change the kernel, as a guest's shell runs them: `$T` is a tool, `$O` bpfkit, which looks at what it did. */
export interface Effect {
  readonly name: string;
  /** First kernel that has what it takes. */
  readonly since?: string;
  readonly script: string;
  /** What the shell prints, with ids and times taken out. */
  readonly shows: RegExp;
}

const LOAD = "$T prog loadall /objects/effects.bpf.o /sys/fs/bpf/all";
/** Removes all pins, and with them what was loaded. */
const UNDO = "rm -r /sys/fs/bpf/*; $O prog show";
const PACKET = "dd if=/dev/zero of=/tmp/packet bs=64 count=1 2>/dev/null";

export const EFFECTS: readonly Effect[] = [
  {
    name: "prog load takes other maps by name and by place, and pins maps",
    script: `$T batch file - <<'E'
map create /sys/fs/bpf/shared type array key 4 value 8 entries 1 name shared
prog load /objects/effects.bpf.o /sys/fs/bpf/named map name hits pinned /sys/fs/bpf/shared
prog loadall /objects/effects.bpf.o /sys/fs/bpf/all map idx 0 pinned /sys/fs/bpf/shared pinmaps /sys/fs/bpf/maps
E
${PACKET}
$T prog run pinned /sys/fs/bpf/named data_in /tmp/packet repeat 3 >/dev/null
$T prog run pinned /sys/fs/bpf/all/count data_in /tmp/packet >/dev/null
ls /sys/fs/bpf /sys/fs/bpf/all /sys/fs/bpf/maps
$O -j map dump pinned /sys/fs/bpf/shared; $O -j map dump pinned /sys/fs/bpf/maps/hits
$T map freeze pinned /sys/fs/bpf/shared
$T map update pinned /sys/fs/bpf/shared key 0 0 0 0 value 0 0 0 0 0 0 0 0; echo $?
${UNDO}`,
    shows: /processed 3 commands\n(?:.*\n)*.*"value":\["0x04".*\n.*"value":\["0x04".*\n255\n$/,
  },
  {
    name: "prog load by type, and onto a device",
    script: `$T prog load /objects/effects.bpf.o /sys/fs/bpf/typed type cgroup/skb
$O -j prog show pinned /sys/fs/bpf/typed
$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound offload_dev lo; echo $?
$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound offload_dev nodev; echo $?
$T prog load /objects/effects.bpf.o /sys/fs/bpf/bound type nonsense; echo $?
$T map create /sys/fs/bpf/offloaded type hash key 4 value 4 entries 1 name moved offload_dev lo; echo $?
$T prog load /objects/effects.bpf.o /sys/fs/bpf/typed; echo $?
${UNDO}`,
    shows: /"type":"cgroup_skb".*\n255\n255\n255\n255\n255\n$/,
  },
  {
    name: "prog load by the types of another kernel",
    script: `$T prog load /objects/relocated.bpf.o /sys/fs/bpf/other kernel_btf /objects/relocated-other.bpf.o
$O prog dump xlated pinned /sys/fs/bpf/other
$T prog load /objects/relocated.bpf.o /sys/fs/bpf/none kernel_btf /bin/busybox; echo $?
${UNDO}`,
    shows: /r0 = 1000\n(?:.*\n)*255\n$/,
  },
  {
    name: "prog attach and detach: the maps of sockets, and the flow dissector",
    since: "6.1",
    script: `${LOAD}
$T map create /sys/fs/bpf/sockets type sockmap key 4 value 4 entries 2 name sockets
$T prog attach pinned /sys/fs/bpf/all/message sk_msg_verdict pinned /sys/fs/bpf/sockets
$T prog attach pinned /sys/fs/bpf/all/verdict sk_skb_stream_verdict pinned /sys/fs/bpf/sockets
$T prog attach pinned /sys/fs/bpf/all/dissect flow_dissector; $O net show
node /tmp/query.mjs /sys/fs/bpf/sockets
$T prog detach pinned /sys/fs/bpf/all/message sk_msg_verdict pinned /sys/fs/bpf/sockets
$T prog detach pinned /sys/fs/bpf/all/dissect flow_dissector; $O net show
node /tmp/query.mjs /sys/fs/bpf/sockets
$T prog detach pinned /sys/fs/bpf/all/message sk_msg_verdict pinned /sys/fs/bpf/sockets; echo $?
$T prog attach pinned /sys/fs/bpf/all/message sk_msg_verdict; echo $?
${UNDO}`,
    shows: /flow_dissector:\nid ID\n(?:.*\n)*message 1 verdict 1\n(?:.*\n)*message 0 verdict 1\n\d+\n\d+\n$/,
  },
  {
    name: "cgroup attach and detach",
    script: `${LOAD}; mkdir /sys/fs/cgroup/effects
$T cgroup attach /sys/fs/cgroup/effects nonsense pinned /sys/fs/bpf/all/first multi; echo $?
$T cgroup attach /sys/fs/cgroup/effects cgroup_inet_ingress pinned /sys/fs/bpf/all/first multi
$T cgroup attach /sys/fs/cgroup/effects cgroup_inet_ingress pinned /sys/fs/bpf/all/second multi
$T cgroup attach /sys/fs/cgroup/effects cgroup_inet_egress pinned /sys/fs/bpf/all/first override; echo $?
$O cgroup show /sys/fs/cgroup/effects
$T cgroup detach /sys/fs/cgroup/effects cgroup_inet_ingress pinned /sys/fs/bpf/all/first
$T cgroup detach /sys/fs/cgroup/effects cgroup_inet_ingress pinned /sys/fs/bpf/all/first; echo $?
$O cgroup show /sys/fs/cgroup/effects
rmdir /sys/fs/cgroup/effects; ${UNDO}`,
    shows: /ID +cgroup_inet_ingress multi +first +\nID +cgroup_inet_ingress multi +second/,
  },
  {
    name: "net attach and detach: XDP",
    script: `${LOAD}
$T net attach xdpgeneric pinned /sys/fs/bpf/all/pass dev lo; $O net show dev lo
$T net attach xdpgeneric pinned /sys/fs/bpf/all/drop dev lo; echo $?
$T net attach xdpgeneric pinned /sys/fs/bpf/all/drop dev lo overwrite; echo $?; $O net show dev lo
$T net attach xdpoffload pinned /sys/fs/bpf/all/drop dev lo; echo $?
$T net detach xdpgeneric dev lo; $O net show dev lo
$T net detach xdp dev lo; echo $?
${UNDO}`,
    shows: /lo\(1\) generic id ID\n/,
  },
  {
    name: "net attach and detach: tcx",
    since: "6.6",
    script: `${LOAD}
$T net attach tcx_ingress pinned /sys/fs/bpf/all/classify dev lo
$T net attach tcx_ingress pinned /sys/fs/bpf/all/classify_too dev lo prepend
$T net attach tcx_egress pinned /sys/fs/bpf/all/classify dev lo; $O net show dev lo
$T net attach tcx_egress pinned /sys/fs/bpf/all/classify dev lo overwrite; echo $?
$T net detach tcx_ingress dev lo; echo $?
$T net detach tcx_egress dev lo; echo $?; $O net show dev lo
$T net detach tcx_egress dev lo; echo $?
node /tmp/clear-tcx.mjs; ${UNDO}`,
    shows: /lo\(1\) tcx\/ingress classify_too prog_id ID \nlo\(1\) tcx\/ingress classify prog_id ID \n/,
  },
  {
    name: "iter pin",
    script: `$T iter pin /objects/iterator.bpf.o /sys/fs/bpf/tasks; cat /sys/fs/bpf/tasks
$T map create /sys/fs/bpf/numbers type hash key 4 value 4 entries 2 name numbers
$T map update pinned /sys/fs/bpf/numbers key 1 0 0 0 value 2 0 0 0
$T iter pin /objects/iterator-map.bpf.o /sys/fs/bpf/elements map pinned /sys/fs/bpf/numbers; cat /sys/fs/bpf/elements
$T iter pin /objects/iterator-map.bpf.o /sys/fs/bpf/no_map; echo $?
$T iter pin /objects/effects.bpf.o /sys/fs/bpf/no_iterator; echo $?
$O -f link show; ${UNDO}`,
    shows: /^first\nfirst\n\d+\n\d+\nID: iter/,
  },
  {
    name: "link pin and detach",
    script: `$T prog loadall /objects/effects.bpf.o /sys/fs/bpf/all autoattach 2>/dev/null
$T link pin pinned /sys/fs/bpf/all/exits /sys/fs/bpf/again; $O -f link show
$T link detach pinned /sys/fs/bpf/again; echo $?
rm /sys/fs/bpf/all/exits /sys/fs/bpf/again; $O link show; ${UNDO}`,
    shows: /ID: raw_tracepoint {2}prog ID {2}\n/,
  },
  {
    name: "struct_ops register, dump and unregister",
    script: `$T struct_ops register /objects/struct-ops.bpf.o 2>/dev/null; echo $?
cat /proc/sys/net/ipv4/tcp_available_congestion_control
$T struct_ops dump name by_map | grep -E '"(state|flags|ssthresh)"'; $O struct_ops show
$T struct_ops register /objects/struct-ops.bpf.o 2>/dev/null; echo $?
$T struct_ops unregister name by_map; echo $?
$T struct_ops unregister name by_map; echo $?
cat /proc/sys/net/ipv4/tcp_available_congestion_control; $O prog show`,
    shows: /^0\n.*bpf_by_map.*\n/,
  },
  {
    name: "struct_ops register, held by a link",
    since: "6.4",
    script: `$T struct_ops register /objects/struct-ops-link.bpf.o /sys/fs/bpf/ops 2>/dev/null; echo $?
cat /proc/sys/net/ipv4/tcp_available_congestion_control; ls /sys/fs/bpf/ops
$T struct_ops unregister name by_link; echo $?; $T struct_ops unregister name by_map; echo $?
${UNDO}; cat /proc/sys/net/ipv4/tcp_available_congestion_control`,
    shows: /bpf_by_link(?:.*\n)*by_link\n/,
  },
  {
    name: "prog tracelog",
    script: `${LOAD}; $T prog tracelog >/tmp/log & logging=$!
sleep 3; ${PACKET}
$T prog run pinned /sys/fs/bpf/all/say data_in /tmp/packet >/dev/null; sleep 1
kill -INT $logging; wait $logging; echo $?
grep -o 'bpf_trace_printk: said by a program' /tmp/log
${UNDO}`,
    shows: /^\d+\nbpf_trace_printk: said by a program\n$/,
  },
  {
    name: "prog tracelog of a program's own streams",
    since: "6.18",
    script: `${LOAD}
$T prog tracelog stdout pinned /sys/fs/bpf/all/say; echo $?
$T prog tracelog stderr pinned /sys/fs/bpf/all/say; echo $?
$T prog tracelog stdin pinned /sys/fs/bpf/all/say; echo $?
${UNDO}`,
    shows: /^0\n0\n255\n$/,
  },
];

const IMPORTS = `
import { queryPrograms } from "/bpfkit/dist/inspect/index.js";
import { openKernel } from "/bpfkit/dist/open-kernel.js";
import { BPF_ATTACH_TYPE } from "/bpfkit/dist/uapi/index.js";

const kernel = await openKernel();
`;

/** Files of a guest that the scripts use, by their paths. */
export const EFFECT_FILES: Readonly<Record<string, string>> = {
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

/** What a script printed without what differs from run to run: ids, times, sizes that the kernel chose. */
export function steady(text: string): string {
  return text
    .replace(/^\d+(?=: | {2})/gm, "ID")
    .replace(/\b(id|prog|prog_id|link_id|map_ids|btf_id)(":? ?\[?| )[\d,]+/g, "$1$2ID")
    .replace(/"loaded_at":\d+,|"pids":\[.*?\],?|"bytes_memlock":\d+,?|\n\tpids .*/g, "");
}

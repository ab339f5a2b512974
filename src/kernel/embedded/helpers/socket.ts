import { ERRNO, STRUCT } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { helper, wideHelper } from "./define.ts";
import type { HelperRow } from "./define.ts";

const { EINVAL, ENOENT } = ERRNO;
/** Whom sockets belong to that belong to nobody. */
const OVERFLOW_UID = 65_534;
/** BPF_SOCK_OPS_ALL_CB_FLAGS. */
const CALLBACK_FLAGS = 0x7f;
const SOCK_OPS = STRUCT.bpf_sock_ops.fields;

const LOOKUP = ["address", "address", "number", "wide", "wide"] as const;
const none = (): bigint => 0n;

/** Sockets: there are none here, so lookups find none, and what needs one says so. */
export function socketHelpers(world: World): HelperRow[] {
  const { memory } = world;
  const lookups = ["sk_lookup_tcp", "sk_lookup_udp", "skc_lookup_tcp"] as const;
  const casts = [
    "skc_to_tcp6_sock",
    "skc_to_tcp_sock",
    "skc_to_tcp_timewait_sock",
    "skc_to_tcp_request_sock",
    "skc_to_udp6_sock",
    "skc_to_unix_sock",
    "skc_to_mptcp_sock",
    "sock_from_file",
    "tcp_sock",
    "get_listener_sock",
  ] as const;
  return [
    ...lookups.map((name) => wideHelper(name, LOOKUP, none)),
    ...casts.map((name) => wideHelper(name, ["address"], none)),
    wideHelper("sk_fullsock", ["wide"], (socket) => socket),
    helper("sk_release", ["address"], () => 0),
    helper("sk_assign", ["address", "address", "wide"], () => -EINVAL),
    wideHelper("get_socket_cookie", ["address"], none),
    helper("get_socket_uid", ["address"], () => OVERFLOW_UID),
    wideHelper("get_netns_cookie", ["address"], () => 1n),
    wideHelper("sk_cgroup_id", ["address"], none),
    wideHelper("sk_ancestor_cgroup_id", ["address", "number"], none),
    helper("tcp_check_syncookie", ["address", "address", "number", "address", "number"], () => -EINVAL),
    wideHelper("tcp_gen_syncookie", ["address", "address", "number", "address", "number"], () =>
      BigInt(-EINVAL),
    ),
    helper("setsockopt", ["address", "number", "number", "address", "number"], () => -EINVAL),
    helper(
      "getsockopt",
      ["address", "number", "number", "address", "number"],
      (_socket, _level, _name, to, size) => {
        memory.slice(to, size).fill(0);
        return -EINVAL;
      },
    ),
    helper("bind", ["address", "address", "number"], () => -EINVAL),
    helper("sock_ops_cb_flags_set", ["address", "number"], (_context, flags) => {
      if (!world.run) return -EINVAL;
      memory.setU32(world.run.context + SOCK_OPS.bpf_sock_ops_cb_flags.offset, flags & CALLBACK_FLAGS);
      // Those that are not known.
      return flags & ~CALLBACK_FLAGS;
    }),
    helper("sock_map_update", ["address", "address", "address", "wide"], () => -EINVAL),
    helper("sock_hash_update", ["address", "address", "address", "wide"], () => -EINVAL),
    // SK_DROP and SK_PASS: what cannot be redirected is dropped.
    helper("sk_redirect_map", ["address", "address", "number", "wide"], () => 0),
    helper("sk_redirect_hash", ["address", "address", "address", "wide"], () => 0),
    helper("msg_redirect_map", ["address", "address", "number", "wide"], () => 0),
    helper("msg_redirect_hash", ["address", "address", "address", "wide"], () => 0),
    helper("msg_apply_bytes", ["address", "number"], () => 0),
    helper("msg_cork_bytes", ["address", "number"], () => 0),
    helper("msg_pull_data", ["address", "number", "number", "wide"], () => -EINVAL),
    helper("msg_push_data", ["address", "number", "number", "wide"], () => -EINVAL),
    helper("msg_pop_data", ["address", "number", "number", "wide"], () => -EINVAL),
    helper("sk_select_reuseport", ["address", "address", "address", "wide"], () => -ENOENT),
  ];
}

import { BpfkitError } from "../../../errors.ts";
import { ERRNO } from "../../../uapi/index.ts";
import type { Helper } from "../vm/index.ts";
import type { World } from "../world.ts";
import { KFUNCS, KFUNC_BASE, MISSING_FUNCTION } from "./kfunc-names.ts";
import type { KfuncName } from "./kfunc-names.ts";

const { EINVAL, E2BIG } = ERRNO;
/** BPF_MAX_LOOPS. */
const MAX_LOOPS = 8 * 1024 * 1024;

const nothing: Helper = { params: [], result: "i64", call: () => 0n };
const first: Helper = { params: ["i64"], result: "i64", call: (pointer: bigint) => pointer };

const missing: Helper = {
  params: [],
  result: "i64",
  call: () => {
    throw new BpfkitError("it needs a type or a function that this kernel has not, and did not ask first", {
      code: "vm/fault",
    });
  },
};

/** Kernel functions, behind the helpers in the machine's table. */
export function kfuncRows(world: World): [number, Helper][] {
  const { memory } = world;
  const { view } = memory;
  const end = (iterator: number): void => memory.setU64(iterator, 0n);
  // struct bpf_iter_num: s32 cur, s32 end.
  const functions: Readonly<Record<KfuncName, Helper>> = {
    bpf_rdonly_cast: first,
    bpf_cast_to_kern_ctx: first,
    bpf_rcu_read_lock: nothing,
    bpf_rcu_read_unlock: nothing,
    bpf_preempt_disable: nothing,
    bpf_preempt_enable: nothing,
    bpf_task_acquire: first,
    bpf_task_release: nothing,
    bpf_task_from_pid: {
      params: ["i32"],
      result: "i64",
      call: (pid: number) => memory.pointer(world.task(pid)?.address ?? 0),
    },
    bpf_iter_num_new: {
      params: ["i32", "i32", "i32"],
      result: "i32",
      call: (iterator: number, from: number, to: number) => {
        const wrong = from > to ? -EINVAL : to - from > MAX_LOOPS ? -E2BIG : 0;
        if (wrong < 0) end(iterator);
        else {
          view.setInt32(iterator, from - 1, true);
          view.setInt32(iterator + 4, to, true);
        }
        return wrong;
      },
    },
    bpf_iter_num_next: {
      params: ["i32"],
      result: "i64",
      call: (iterator: number) => {
        const next = (view.getInt32(iterator, true) + 1) | 0;
        if (next >= view.getInt32(iterator + 4, true)) {
          end(iterator);
          return 0n;
        }
        view.setInt32(iterator, next, true);
        return memory.pointer(iterator);
      },
    },
    bpf_iter_num_destroy: {
      params: ["i32"],
      result: "i64",
      call: (iterator: number) => {
        end(iterator);
        return 0n;
      },
    },
  };
  return [
    [MISSING_FUNCTION, missing],
    ...KFUNCS.map((name, index): [number, Helper] => [KFUNC_BASE + index, functions[name]]),
  ];
}

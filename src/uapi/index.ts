export {
  BPF_CMD,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
  BPF_ATTACH_TYPE,
  BPF_LINK_TYPE,
  BPF_FUNC,
  BPF_CORE,
  BPF_STATS,
  BPF_FD_TYPE,
  BPF_PERF_EVENT,
  BPF_CGROUP_ITER,
  BPF_STREAM,
  BPF_F,
  BPF_RB,
  BPF_RINGBUF,
  BPF_FIB_LKUP_RET,
  XDP,
  PERF_TYPE,
  PERF_COUNT_HW,
  PERF_COUNT_SW,
  PERF_COUNT_HW_CACHE,
  PERF_COUNT_HW_CACHE_OP,
  PERF_COUNT_HW_CACHE_RESULT,
  PERF_SAMPLE,
  PERF_FORMAT,
  PERF_RECORD,
} from "./generated/constants.ts";
export { BPF_ATTR, BPF_ATTR_SIZE, STRUCT } from "./generated/layouts.ts";
export {
  BPF_ANY,
  BPF_NOEXIST,
  BPF_EXIST,
  BPF_PROG_FLAG,
  BPF_ATTACH_FLAG,
  BPF_TEST_FLAG,
  BPF_LOG,
  BPF_PSEUDO_LD,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_OBJ_NAME_LEN,
  BPF_TAG_SIZE,
  BPF_BUILD_ID_SIZE,
  MAX_BPF_STACK,
  MAX_TAIL_CALL_CNT,
  BPF_COMMON_ATTRS,
  PERF_EVENT_IOC,
  PERF_FLAG,
  EM_BPF,
} from "./defines.ts";
export { ERRNO, errnoMessage, errnoName } from "./errno.ts";
export type { ErrnoName } from "./errno.ts";
export type {
  BpfAttrField,
  BpfCommandName,
  FieldLayout,
  StructField,
  StructLayout,
  StructName,
} from "./layout.ts";
export { helperPrototypes } from "./helpers.ts";
export type { HelperPrototype } from "./helper-prototype.ts";
export { flagNames, nameOf, valueOf } from "./names.ts";
export type {
  BpfAttachTypeName,
  BpfHelperName,
  BpfLinkTypeName,
  BpfMapTypeName,
  BpfProgTypeName,
} from "./types.ts";

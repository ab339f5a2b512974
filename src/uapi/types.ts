import type {
  BPF_ATTACH_TYPE,
  BPF_FUNC,
  BPF_LINK_TYPE,
  BPF_MAP_TYPE,
  BPF_PROG_TYPE,
} from "./generated/constants.ts";

export type BpfAttachTypeName = keyof typeof BPF_ATTACH_TYPE;
export type BpfHelperName = keyof typeof BPF_FUNC;
export type BpfLinkTypeName = keyof typeof BPF_LINK_TYPE;
export type BpfMapTypeName = keyof typeof BPF_MAP_TYPE;
export type BpfProgTypeName = keyof typeof BPF_PROG_TYPE;

import { BPF_ATTACH_TYPE, BPF_LINK_TYPE, BPF_MAP_TYPE, BPF_PROG_TYPE, nameOf } from "../uapi/index.ts";

/** Names as bpftool prints them: the kernel's in lower case; undefined for numbers from newer kernels. */
export const programTypeName = (type: number): string | undefined => lower(nameOf(BPF_PROG_TYPE, type));
export const mapTypeName = (type: number): string | undefined => lower(nameOf(BPF_MAP_TYPE, type));
export const linkTypeName = (type: number): string | undefined => lower(nameOf(BPF_LINK_TYPE, type));
export const attachTypeName = (type: number): string | undefined => lower(nameOf(BPF_ATTACH_TYPE, type));

function lower(name: string | undefined): string | undefined {
  return name?.toLowerCase();
}

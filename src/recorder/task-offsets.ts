import { BtfKind, type Btf } from "../btf/index.ts";
import type { TaskOffsets } from "./programs.ts";

/** Where this kernel's structs have what the recorder asks them for. */
export function taskOffsets(btf: Btf): TaskOffsets {
  return {
    parent: memberOffset(btf, "task_struct", "real_parent"),
    tgid: memberOffset(btf, "task_struct", "tgid"),
    // Of the boot clock; before Linux 5.5 it had another name.
    startTime: memberOffset(btf, "task_struct", "start_boottime"),
    mm: memberOffset(btf, "task_struct", "mm"),
    argStart: memberOffset(btf, "mm_struct", "arg_start"),
    argEnd: memberOffset(btf, "mm_struct", "arg_end"),
  };
}

/** Bytes from the struct's start, also of members of structs without a name. */
function memberOffset(btf: Btf, struct: string, name: string): number | undefined {
  const id = btf.findByName(struct, BtfKind.Struct);
  return id === undefined ? undefined : search(btf, id, name);
}

function search(btf: Btf, id: number, name: string): number | undefined {
  for (const member of btf.members(id)) {
    const offset = member.bitOffset / 8;
    if (member.name === name) return offset;
    if (member.name !== "") continue;
    const inner = search(btf, member.type, name);
    if (inner !== undefined) return offset + inner;
  }
  return undefined;
}

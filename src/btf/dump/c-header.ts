import type { Btf } from "../btf.ts";
import { BtfKind } from "../kind.ts";
import { CEmitter } from "./c-emitter.ts";
import { CWriter } from "./c-writer.ts";
import { sortForC } from "./sort.ts";

export interface CHeaderOptions {
  /** Only these types with what they need, in this order. */
  readonly roots?: readonly number[];
  /** By kind and name (default), or by id. */
  readonly order?: "sorted" | "id";
  /** As bpftool 7.8 does, which loses the first type of the sorted order. */
  readonly exact?: boolean;
}

const opening = `#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

`;

const closing = `#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
`;

/** The types as a C header for BPF programs, with CO-RE on for all records: `vmlinux.h`. */
export function cHeader(btf: Btf, { roots, order = "sorted", exact = false }: CHeaderOptions = {}): string {
  const writer = new CWriter(btf);
  writer.write(opening);
  const emitter = new CEmitter(btf, writer);
  if (roots) {
    for (const id of roots) emitter.define(id);
  } else {
    if (order === "sorted") for (const id of sortForC(btf).subarray(exact ? 1 : 0)) emitter.define(id);
    else for (let id = 1; id < btf.typeCount; id++) emitter.define(id);
    writeKfuncs(btf, writer);
  }
  writer.write(closing);
  return writer.finish();
}

/** Kernel functions for BPF programs are those that pahole tagged. */
function writeKfuncs(btf: Btf, writer: CWriter): void {
  const kfuncs: number[] = [];
  const fast = new Set<number>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag || btf.componentIndex(id) !== -1) continue;
    const target = btf.target(id);
    if (btf.kind(target) !== BtfKind.Func) continue;
    const tag = btf.name(id);
    if (tag === "bpf_kfunc") kfuncs.push(target);
    if (tag === "bpf_fastcall") fast.add(target);
  }
  const named = kfuncs.map((id) => ({ id, name: btf.name(id) }));
  named.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  writer.write("\n/* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n");
  for (const { id, name } of named) {
    writer.write(fast.has(id) ? "extern __bpf_fastcall " : "extern ");
    writer.declaration(btf.target(id), name, 0);
    writer.write(" __weak __ksym;\n");
  }
  writer.write("#endif\n\n");
}

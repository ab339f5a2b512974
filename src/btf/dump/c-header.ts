import type { Btf } from "../btf.ts";
import { BtfKind } from "../kind.ts";
import { decodeUtf8 } from "../../util/index.ts";
import { CEmitter } from "./c-emitter.ts";
import { CWriter } from "./c-writer.ts";
import { compareTexts } from "./name-order.ts";
import { sortForC } from "./sort.ts";
import { HEAD, nameOf, tabulate, targetOf, isText } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

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
export function cHeader(btf: Btf, options: CHeaderOptions = {}): string {
  return decodeUtf8(cHeaderBytes(btf, options));
}

/** As {@link cHeader}, in UTF-8: a kernel's header is some 3 MB, which are never made a string. */
export function cHeaderBytes(
  btf: Btf,
  { roots, order = "sorted", exact = false }: CHeaderOptions = {},
): Uint8Array {
  const table = tabulate(btf);
  const writer = new CWriter(table);
  writer.out.text(opening);
  const emitter = new CEmitter(table, writer);
  if (roots) {
    for (const id of roots) emitter.define(id);
  } else {
    if (order === "sorted") {
      const { ranked, rest } = sortForC(table);
      for (const id of ranked.subarray(exact ? 1 : 0)) emitter.define(id);
      for (const id of rest(emitter.pending())) emitter.define(id);
    } else for (let id = 1; id < table.count; id++) emitter.define(id);
    writeKfuncs(table, writer);
  }
  writer.out.text(closing);
  return writer.out.take();
}

/** Kernel functions for BPF programs are those that pahole tagged. */
function writeKfuncs(table: TypeTable, writer: CWriter): void {
  const kfuncs: number[] = [];
  const fast = new Set<number>();
  for (let id = 1; id < table.count; id++) {
    if (table.kinds[id] !== BtfKind.DeclTag || table.words[table.starts[id]! + HEAD] !== WHOLE) continue;
    const target = targetOf(table, id);
    if (table.kinds[target] !== BtfKind.Func) continue;
    const tag = nameOf(table, id);
    if (isText(table, tag, "bpf_kfunc")) kfuncs.push(target);
    if (isText(table, tag, "bpf_fastcall")) fast.add(target);
  }
  kfuncs.sort((one, other) => compareTexts(table.strings, nameOf(table, one), nameOf(table, other)));
  writer.out.text("\n/* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n");
  for (const id of kfuncs) {
    writer.out.text(fast.has(id) ? "extern __bpf_fastcall " : "extern ");
    writer.declaration(targetOf(table, id), nameOf(table, id), 0, 0);
    writer.out.text(" __weak __ksym;\n");
  }
  writer.out.text("#endif\n\n");
}

/** component_idx of a tag that is on the whole declaration: -1. */
const WHOLE = 0xffff_ffff;

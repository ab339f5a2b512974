import { CoreResolver, parseBtf } from "../../btf/index.ts";
import { CLASS, type Insn } from "../../isa/index.ts";
import type { Relocation } from "../../object/index.ts";

/**
 * Writes into relocated instructions what the object's own types say, as compilers do: loaders check it
 * before they replace it.
 */
export function holdLocalValues(
  insns: readonly Insn[],
  relocations: readonly Relocation[],
  btf: Uint8Array,
): readonly Insn[] {
  if (!relocations.some((relocation) => relocation.kind === "core")) return insns;
  const local = parseBtf(btf);
  const resolver = new CoreResolver(local, { kernel: local });
  const held = [...insns];
  for (const relocation of relocations) {
    if (relocation.kind !== "core") continue;
    const { insn: at, typeId, access, coreKind } = relocation;
    const value = Number(resolver.resolve({ typeId, access, kind: coreKind }).original);
    const insn = held[at]!;
    held[at] = isMemory(insn) ? { ...insn, offset: insn.offset + value } : { ...insn, imm: insn.imm + value };
  }
  return held;
}

/** Low three bits of the opcode. */
function isMemory({ code }: Insn): boolean {
  const kind = code & 7;
  return kind === CLASS.LDX || kind === CLASS.ST || kind === CLASS.STX;
}

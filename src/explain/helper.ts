import { CALL, CLASS, JUMP } from "../isa/index.ts";
import type { Insn } from "../isa/index.ts";
import { BPF_FUNC, helperPrototypes, nameOf } from "../uapi/index.ts";
import type { BpfHelperName } from "../uapi/index.ts";

/** What a call of a helper takes and gives. */
export interface CalledHelper {
  readonly name: string;
  readonly returns: string;
  /** In r1 to r5, in the kernel's terms. */
  readonly arguments: readonly string[];
  readonly gplOnly: boolean;
}

/** Undefined for what is no call of a helper, and for helpers of newer kernels. */
export function calledHelper({ code, src, imm }: Insn): CalledHelper | undefined {
  if (code !== (CLASS.JMP | JUMP.CALL) || src !== CALL.HELPER) return undefined;
  const name = nameOf(BPF_FUNC, imm);
  const [prototype] = name !== undefined && isHelper(name) ? helperPrototypes(name) : [];
  return prototype && { name: `bpf_${name}`, ...pick(prototype) };
}

function pick({ returns, arguments: args, gplOnly }: Omit<CalledHelper, "name">): Omit<CalledHelper, "name"> {
  return { returns: words(returns), arguments: args.map(words), gplOnly };
}

/** `PTR_TO_MAP_VALUE_OR_NULL`: `map value or null`. */
function words(term: string): string {
  return term
    .replaceAll(/\b(?:PTR_TO|CONST_PTR_TO)_/g, "pointer to ")
    .replaceAll("_", " ")
    .toLowerCase();
}

function isHelper(name: string): name is BpfHelperName {
  return Object.hasOwn(BPF_FUNC, name);
}

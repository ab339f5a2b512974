import type { Register } from "./machine.ts";

export interface Copy {
  readonly dst: Register;
  readonly src: Register;
}

/** An order of copies that has the effect of all of them at once; cycles go through `temporary()`. */
export function parallelCopy(copies: readonly Copy[], temporary: () => Register): Copy[] {
  const waiting = new Map<Register, Register>();
  /** How many waiting copies still read a register. */
  const readers = new Map<Register, number>();
  for (const { dst, src } of copies) {
    if (dst === src) continue;
    waiting.set(dst, src);
    readers.set(src, (readers.get(src) ?? 0) + 1);
  }
  const ready = [...waiting.keys()].filter((dst) => !readers.has(dst));
  const ordered: Copy[] = [];
  const emit = (dst: Register): void => {
    const src = waiting.get(dst)!;
    waiting.delete(dst);
    ordered.push({ dst, src });
    const left = readers.get(src)! - 1;
    readers.set(src, left);
    if (left === 0 && waiting.has(src)) ready.push(src);
  };
  while (waiting.size > 0) {
    const dst = ready.pop();
    if (dst !== undefined) {
      emit(dst);
      continue;
    }
    // Only cycles are left: save one destination, and let its readers read the copy.
    const [first] = waiting.keys();
    const saved = temporary();
    ordered.push({ dst: saved, src: first! });
    for (const [to, from] of waiting) if (from === first) waiting.set(to, saved);
    readers.set(saved, readers.get(first!)!);
    readers.set(first!, 0);
    ready.push(first!);
  }
  return ordered;
}

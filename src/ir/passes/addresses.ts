import type { Instruction, Value } from "../node.ts";

/** Offsets of accesses are signed 16 bits. */
function fits(offset: number): boolean {
  return offset >= -0x8000 && offset < 0x8000;
}

/** Splits an address into what it is based on and a constant distance from it. */
function splitAddress(address: Value): { base: Value; distance: number } | undefined {
  if (address.op !== "add") return undefined;
  const base = address.args[0]!;
  const distance = address.args[1]!;
  if (distance.op !== "const" || base.op === "const") return undefined;
  const number = Number(distance.value);
  return fits(number) ? { base, distance: number } : undefined;
}

/** Moves additions of constants, and of one load-time number, from an address into the access. */
export function foldAddress(value: Instruction): Instruction {
  switch (value.op) {
    case "load":
    case "store":
    case "atomic": {
      const split = splitAddress(value.args[0]!);
      if (split !== undefined && fits(split.distance + value.offset) && value.reloc === undefined) {
        const args = [split.base, ...value.args.slice(1)];
        return foldAddress({ ...value, args, offset: value.offset + split.distance });
      }
      const base = value.args[0]!;
      const number = base.op === "add" ? base.args[1] : undefined;
      // A relocation replaces the offset: there must be none beside it.
      if (
        number?.op === "loadTime" &&
        value.reloc === undefined &&
        value.offset === 0 &&
        value.op !== "atomic"
      ) {
        return { ...value, args: [base.args[0]!, ...value.args.slice(1)], reloc: number.number };
      }
      return value;
    }
    case "fill": {
      const split = splitAddress(value.args[0]!);
      if (split === undefined || !fits(split.distance + value.offset + value.size)) return value;
      return foldAddress({ ...value, args: [split.base], offset: value.offset + split.distance });
    }
    case "copy": {
      const to = splitAddress(value.args[0]!);
      if (to !== undefined && fits(to.distance + value.offset + value.size)) {
        const args = [to.base, value.args[1]!];
        return foldAddress({ ...value, args, offset: value.offset + to.distance });
      }
      const from = splitAddress(value.args[1]!);
      if (from === undefined || !fits(from.distance + value.sourceOffset + value.size)) return value;
      const args = [value.args[0]!, from.base];
      return foldAddress({ ...value, args, sourceOffset: value.sourceOffset + from.distance });
    }
    default:
      return value;
  }
}

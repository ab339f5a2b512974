import { createRequire } from "node:module";
import { BpfkitError } from "../errors.ts";
import type { DecodedInsn } from "./machine-insn.ts";

/** The part of @alexaltea/capstone-js that is used; the package has no types of its own. */
export interface Capstone {
  readonly ARCH_X86: number;
  readonly ARCH_ARM64: number;
  readonly MODE_64: number;
  readonly MODE_LITTLE_ENDIAN: number;
  readonly OPT_SYNTAX: number;
  readonly OPT_SYNTAX_ATT: number;
  readonly Capstone: new (arch: number, mode: number) => CapstoneDecoder;
}

interface CapstoneDecoder {
  option(option: number, value: number): void;
  /** Throws a string if not even the first instruction can be decoded; stops in front of a later one. */
  disasm(bytes: Uint8Array, address: bigint): readonly CapstoneInsn[];
  close(): void;
}

interface CapstoneInsn {
  readonly address: bigint;
  readonly size: number;
  readonly mnemonic: string;
  readonly op_str: string;
}

/** Loads and compiles the library, which takes some 50 ms: only where machine code is read. */
export async function loadCapstone(): Promise<Capstone> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- require() gives any
    const create = createRequire(import.meta.url)("@alexaltea/capstone-js") as () => Promise<Capstone>;
    return await create();
  } catch (cause) {
    throw new BpfkitError("The package @alexaltea/capstone-js, which reads machine code, cannot be loaded", {
      code: "disassembler/no-library",
      hints: ["Install it: npm install @alexaltea/capstone-js"],
      cause,
    });
  }
}

/** As many instructions from the start as can be decoded: none, if the first bytes are no instruction. */
export function decodeRun(decoder: CapstoneDecoder, bytes: Uint8Array, address: bigint): DecodedInsn[] {
  return run(decoder, bytes, address).map(({ address: at, size, mnemonic, op_str }) => {
    const start = Number(BigInt.asUintN(64, at - address));
    return {
      address: BigInt.asUintN(64, at),
      bytes: bytes.subarray(start, start + size),
      mnemonic,
      operands: op_str,
    };
  });
}

function run(decoder: CapstoneDecoder, bytes: Uint8Array, address: bigint): readonly CapstoneInsn[] {
  try {
    return decoder.disasm(bytes, address);
  } catch (error) {
    // Its way of saying that it decoded nothing.
    if (typeof error === "string") return [];
    throw error;
  }
}

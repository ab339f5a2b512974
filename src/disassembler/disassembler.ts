import { BpfkitError } from "../errors.ts";
import { findCallTargets } from "./arm64-calls.ts";
import { wordArm64 } from "./arm64-wording.ts";
import { decodeRun, loadCapstone } from "./capstone.ts";
import type { Capstone } from "./capstone.ts";
import type { DecodedInsn, Disassembler, MachineArch, MachineInsn, Wording } from "./machine-insn.ts";
import { wordX64 } from "./x64-wording.ts";

interface ArchRow {
  readonly wording: Wording;
  readonly open: (library: Capstone) => InstanceType<Capstone["Capstone"]>;
  /** What only several instructions together tell. */
  readonly finish: (insns: readonly MachineInsn[]) => readonly MachineInsn[];
  /** Bytes that are stepped over where they are no instruction, and how objdump shows them. */
  readonly undecoded: { readonly size: number; readonly word: (bytes: Uint8Array) => [string, string[]] };
}

const ARCHES: Readonly<Record<MachineArch, ArchRow>> = {
  x64: {
    wording: wordX64,
    open: (library) => {
      const decoder = new library.Capstone(library.ARCH_X86, library.MODE_64);
      decoder.option(library.OPT_SYNTAX, library.OPT_SYNTAX_ATT);
      return decoder;
    },
    finish: (insns) => insns,
    undecoded: { size: 1, word: () => ["(bad)", []] },
  },
  arm64: {
    wording: wordArm64,
    open: (library) => new library.Capstone(library.ARCH_ARM64, library.MODE_LITTLE_ENDIAN),
    finish: findCallTargets,
    undecoded: {
      size: 4,
      word: (bytes) =>
        bytes.length < 4
          ? [".byte", [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, "0")}`)]
          : [".inst", [`0x${Buffer.from(bytes).readUInt32LE().toString(16).padStart(8, "0")}`]],
    },
  },
};

export function isMachineArch(name: string): name is MachineArch {
  return Object.hasOwn(ARCHES, name);
}

/** @throws BpfkitError `disassembler/no-arch` for machines whose code cannot be read */
export async function openDisassembler(arch: string): Promise<Disassembler> {
  if (!isMachineArch(arch)) {
    throw new BpfkitError(`Machine code of ${arch} cannot be disassembled`, {
      code: "disassembler/no-arch",
      hints: [
        `These can: ${Object.keys(ARCHES).join(", ")}`,
        "The bytes can be saved: dump jited PROG file FILE",
      ],
    });
  }
  const row = ARCHES[arch];
  const decoder = row.open(await loadCapstone());
  return {
    disassemble: (bytes, address) => cover(bytes, address, row, (rest, at) => decodeRun(decoder, rest, at)),
    [Symbol.dispose]: () => decoder.close(),
  };
}

/** Runs of instructions and, between them, bytes that are none. */
function cover(
  bytes: Uint8Array,
  address: bigint,
  { wording, finish, undecoded }: ArchRow,
  decode: (bytes: Uint8Array, address: bigint) => readonly DecodedInsn[],
): readonly MachineInsn[] {
  const insns: MachineInsn[] = [];
  for (let offset = 0; offset < bytes.length;) {
    for (const insn of decode(bytes.subarray(offset), address + BigInt(offset))) {
      insns.push({ offset, bytes: insn.bytes, ...wording(insn) });
      offset += insn.bytes.length;
    }
    if (offset >= bytes.length) break;
    const left = bytes.subarray(offset, offset + undecoded.size);
    const [mnemonic, operands] = undecoded.word(left);
    insns.push({ offset, bytes: left, mnemonic, operands });
    offset += left.length;
  }
  return finish(insns);
}

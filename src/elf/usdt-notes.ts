import type { ElfFile } from "./file.ts";

/** A static probe (USDT) of a program or library, as the compiler left it in .note.stapsdt. */
export interface UsdtNote {
  readonly provider: string;
  readonly name: string;
  /** Offset in the file of the probe's instruction. */
  readonly fileOffset: number;
  /** Address of the probe's instruction as linked. */
  readonly address: number;
  /** Offset in the file of the counter that is above 0 while somebody listens. */
  readonly semaphoreOffset?: number;
  /** Where the arguments are, in the assembler's words: `-4@%edi 8@-16(%rbp)`. */
  readonly arguments: string;
}

const OWNER = "stapsdt";
const TYPE = 3;

/**
 * The probes of a file; notes that lie about their place are left out.
 * @throws ElfError where the file does not hold together
 */
export function usdtNotes(elf: ElfFile): UsdtNote[] {
  const base = elf.section(".stapsdt.base")?.address;
  return elf
    .notes()
    .filter(({ owner, type }) => owner === OWNER && type === TYPE)
    .flatMap(({ description }) => readNote(elf, description, base) ?? []);
}

/** Three addresses (probe, base, semaphore), then provider, name and arguments as texts. */
function readNote(elf: ElfFile, description: Uint8Array, base: number | undefined): UsdtNote | undefined {
  const word = elf.is64 ? 8 : 4;
  const view = new DataView(description.buffer, description.byteOffset, description.byteLength);
  if (description.length < 3 * word) return undefined;
  const number = (index: number): number =>
    elf.is64
      ? Number(view.getBigUint64(index * word, elf.littleEndian))
      : view.getUint32(index * word, elf.littleEndian);
  const [provider, name, operands] = Buffer.from(description.subarray(3 * word))
    .toString("latin1")
    .split("\0");
  if (provider === undefined || !name || operands === undefined) return undefined;
  // Prelinking moves the file, but not what the notes say: the base section tells by how much.
  const moved = base === undefined || number(1) === 0 ? 0 : base - number(1);
  const address = number(0) + moved;
  const fileOffset = elf.fileOffset(address);
  const semaphoreOffset = number(2) === 0 ? undefined : elf.fileOffset(number(2) + moved);
  if (fileOffset === undefined) return undefined;
  return {
    provider,
    name,
    address,
    fileOffset,
    ...(semaphoreOffset !== undefined && { semaphoreOffset }),
    arguments: operands.startsWith(":") ? "" : operands,
  };
}

import { readFileSync } from "node:fs";
import { ElfFile, SymbolType } from "../elf/index.ts";
import type { ElfSymbol } from "../elf/index.ts";
import { AttachError } from "./attach-error.ts";
import type { Attacher } from "./context.ts";
import { missingHook, nameOf } from "./hooks.ts";
import { nearestHint } from "./nearest.ts";
import { attachPerfEvent, onFirstCpu } from "./perf-link.ts";
import { probePmu } from "./probe-pmu.ts";

export const attachUprobe: Attacher<"uprobe"> = (context, program, target) => {
  const name = nameOf(target);
  const pmu = probePmu(context.kernel, "uprobe");
  if (!pmu) throw missingHook(context, target);
  const attr = {
    type: pmu.type,
    config: target.return ? pmu.returnBit : 0,
    uprobe_path: target.path,
    probe_offset: probeOffset(name, target.path, target.symbol, target.offset),
  };
  const { pid } = context;
  return attachPerfEvent(context, program, attr, pid === undefined ? onFirstCpu(context) : { pid, cpu: -1 });
};

/** Offset in the file: of the symbol's code and `offset` behind it, or `offset` alone. */
function probeOffset(name: string, path: string, symbol: string | undefined, offset: number): number {
  if (symbol === undefined) return offset;
  const elf = readElf(name, path);
  const functions = functionsOf(elf);
  const found = functions.find((candidate) => candidate.name === symbol);
  const at = found && elf.fileOffset(found.value);
  if (at !== undefined) return at + offset;
  throw new AttachError(name, `${path} has no function ${symbol}`, {
    code: "unknown",
    hints:
      functions.length === 0
        ? ["The file is stripped: install its debug symbols, or give the address of the code"]
        : nearestHint(symbol, new Set(functions.map((candidate) => candidate.name))),
  });
}

function readElf(name: string, path: string): ElfFile {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AttachError(name, reason, {
      code: "unknown",
      hints: ["Give the path of the program or library"],
      cause,
    });
  }
  return new ElfFile(bytes);
}

function functionsOf(elf: ElfFile): ElfSymbol[] {
  return [".symtab", ".dynsym"]
    .flatMap((table) => elf.section(table) ?? [])
    .flatMap((section) => elf.symbols(section))
    .filter(({ type, value }) => type === SymbolType.Function && value !== 0);
}

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { findClang } from "../../../src/c/index.ts";
import { repository } from "../../guest/repository.ts";

/** Objects, the sources that they come from, and what those are told. */
const OBJECTS: readonly (readonly [object: string, source: string, defined?: string])[] = [
  ["programs", "programs"],
  ["extension", "extension"],
  ["effects", "effects"],
  ["iterator", "iterator"],
  ["iterator-map", "iterator", "MAP"],
  ["relocated", "relocated"],
  ["relocated-other", "relocated", "OTHER"],
  ["struct-ops", "struct-ops"],
  ["struct-ops-link", "struct-ops", "LINK"],
];

/** Compiles what needs types and source lines into `NAME.bpf.o` of a folder. Throws where there is no clang. */
export function compileObjects(into: string): void {
  const clang = findClang(process.env);
  mkdirSync(into, { recursive: true });
  for (const [object, source, defined] of OBJECTS) {
    const file = join(repository(), "test/peers/bpftool/objects", `${source}.bpf.c`);
    const defines = defined === undefined ? [] : [`-D${defined}`];
    const out = join(into, `${object}.bpf.o`);
    execFileSync(clang.path, ["-g", "-O2", "-target", "bpf", ...defines, "-c", file, "-o", out]);
  }
}

// npm run fuzz:object -- DIR|FILE... [--rounds 200] [--seed 1] [--load]
// Changes bytes of objects, reads them, relocates them against this machine's kernel types, prints their types, and
// with --load hands what is left to the kernel. Anything but a typed error, a descriptor left open, or a read that
// takes seconds is printed with the seed that makes it again.
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Btf, btfFromFile, cHeader, parseBtf } from "../../src/btf/index.ts";
import { BpfkitError } from "../../src/errors.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { Features, loadObject, memoryStore } from "../../src/loader/index.ts";
import { coreResolver, fromElf, type ObjectSpec, relocate } from "../../src/object/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { filesIn, rangesOf } from "./files.ts";
import { mutate, randomFrom } from "./mutate.ts";

/** Milliseconds that no read of a broken file may take. */
const TOO_LONG = 5000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    load: { type: "boolean", default: false },
  },
});
if (positionals.length === 0) {
  console.error("usage: npm run fuzz:object -- DIR|FILE... [--rounds 200] [--seed 1] [--load]");
  process.exitCode = 1;
} else await fuzz(positionals.flatMap(filesIn));

interface Tally {
  read: number;
  refused: number;
  loaded: number;
  readonly codes: Map<string, number>;
}

async function fuzz(files: readonly string[]): Promise<void> {
  using kernel = await openKernel();
  const types = btfFromFile(kernel.files.btf());
  const tally: Tally = { read: 0, refused: 0, loaded: 0, codes: new Map() };
  let failures = 0;
  for (const file of files) {
    const original = readFileSync(file);
    const { frame, tables } = rangesOf(original);
    for (let round = 0; round < Number(values.rounds); round++) {
      const seed = Number(values.seed) + round;
      const random = randomFrom(seed);
      // A file whose frame is broken is refused at once, and nothing behind it is tried.
      const ranges = random(8) === 0 ? frame : tables;
      const failure = attempt(kernel, types, mutate(original, ranges, random), tally);
      if (failure === undefined) continue;
      failures++;
      console.log(`${file} --seed ${seed} --rounds 1: ${failure}`);
    }
  }
  const codes = [...tally.codes].sort((a, b) => b[1] - a[1]).map(([code, count]) => `${code} ${count}`);
  console.log(
    `${files.length} objects, ${tally.read} read, ${tally.refused} refused, ${tally.loaded} loaded, ${failures} failures`,
  );
  console.log(codes.join(", "));
  if (failures > 0) process.exitCode = 1;
}

/** What is wrong, if something is. */
function attempt(kernel: Kernel, types: Btf, bytes: Uint8Array, tally: Tally): string | undefined {
  const files = readdirSync("/proc/self/fd").length;
  const start = performance.now();
  try {
    const { spec } = fromElf(bytes);
    tally.read++;
    use(spec, types);
    if (values.load) {
      loadObject(spec, { kernel, features: new Features(kernel, memoryStore()) })[Symbol.dispose]();
      tally.loaded++;
    }
  } catch (error) {
    if (!(error instanceof BpfkitError))
      return error instanceof Error ? (error.stack ?? error.message) : String(error);
    tally.refused++;
    tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
  }
  const took = performance.now() - start;
  if (took > TOO_LONG && !values.load) return `took ${Math.round(took)} ms`;
  const left = readdirSync("/proc/self/fd").length - files;
  return left === 0 ? undefined : `${left} descriptors were left open`;
}

/** Everything that is done with an object before the kernel sees it. */
function use(spec: ObjectSpec, kernel: Btf): void {
  const local = spec.btf && parseBtf(spec.btf);
  if (local) cHeader(local);
  const core = local && coreResolver(local, { kernel });
  for (const program of spec.programs)
    relocate(program, {
      ...(core && { core }),
      mapFd: () => 3,
      kfunc: () => ({ id: 1, fd: 0 }),
      ksymType: () => ({ id: 1, fd: 0 }),
      ksymAddress: () => 1n,
      tracepointField: () => undefined,
    });
}

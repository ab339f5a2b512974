// npm run fuzz:vm -- [--count N] [--seed N] [--maps]: random programs in the kernel and in the embedded machine;
// with --maps programs of six types that use maps, helpers and packets; --refused tells what the verifier refuses.
import { parseArgs } from "node:util";
import { openKernel } from "../../src/open-kernel.ts";
import { compare } from "./differential.ts";
import { compareWithMaps } from "./map-differential.ts";

const { values } = parseArgs({
  options: {
    count: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    maps: { type: "boolean", default: false },
    refused: { type: "boolean", default: false },
  },
});
const count = Number(values.count);
// Kernels and maps are made anew for each batch.
const BATCH = values.maps ? 6000 : 1000;
const refusals = values.refused ? (text: string): void => console.error(`refused: ${text}`) : undefined;
using kernel = await openKernel();
let equal = 0;
let refused = 0;
for (let done = 0; done < count; done += BATCH) {
  const length = 4 + ((done / BATCH) % 16) * 4;
  const seed = Number(values.seed) + done;
  const size = Math.min(BATCH, count - done);
  const outcome = values.maps
    ? compareWithMaps(kernel, seed, size, length, refusals)
    : compare(kernel, seed, size, length);
  equal += outcome.equal;
  refused += outcome.refused;
  for (const mismatch of outcome.mismatches) console.error(`MISMATCH ${mismatch}`);
  if (outcome.mismatches.length > 0) process.exitCode = 1;
}
console.log(`${equal} programs equal, ${refused} refused by the verifier`);

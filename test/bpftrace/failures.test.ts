import { afterAll, describe, expect, it } from "vitest";
import { compileScript } from "../../src/bpftrace/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { EventQueue, TraceSession, type TraceEvent } from "../../src/trace/index.ts";
import { nativeTarget, nowhere, tryKernel } from "./run-script.ts";

// What the kernel refuses a running script must be told, with the right number.

const kernel = await tryKernel();
afterAll(() => kernel?.[Symbol.dispose]());

async function warnings(port: Kernel, text: string, countFailedReads = false): Promise<string[]> {
  const options = { positional: [], unsafe: false, target: nativeTarget(port), countFailedReads };
  const compiled = compileScript({ name: "test.bt", text }, nowhere, options);
  if (!compiled.object || !compiled.plan) throw new Error(JSON.stringify(compiled.diagnostics));
  let queue: EventQueue | undefined;
  const session = new TraceSession(compiled.object, compiled.plan, {
    kernel: port,
    reporter: (resolver) => (queue = new EventQueue(resolver)),
  });
  await session.run();
  queue?.close();
  const events: TraceEvent[] = [];
  for await (const event of queue ?? []) events.push(event);
  return events.flatMap((event) => (event.kind === "diagnostic" ? [event.diagnostic.message] : []));
}

describe.skipIf(kernel === undefined)("failures in the kernel", () => {
  it("updates that a full map does not take", async () => {
    const script = "let @few = hash(3); BEGIN { $i = 0; while ($i < 10) { @few[$i % 5] = $i; $i++ } }";
    expect(await warnings(kernel!, script)).toEqual([
      "Map @few is full: it holds 3 elements; 4 updates of other keys were lost",
    ]);
  });

  it("aggregates and increments alike, each map for itself", async () => {
    const script = `config = { max_map_keys = 2 }
      BEGIN { $i = 0; while ($i < 5) { @count[$i] = count(); @plus[$i]++; @hist[$i] = hist($i); @free = $i; $i++ } }`;
    expect(await warnings(kernel!, script)).toEqual(
      ["count", "plus", "hist"].map(
        (name) => `Map @${name} is full: it holds 2 elements; 3 updates of other keys were lost`,
      ),
    );
  });

  it("reads of memory that is not there, where one asks for them, by place", async () => {
    const script = `BEGIN { $i = 0; while ($i < 3) { @a = *(uint64 *)$i; @s = str((uint64 *)$i); $i++ } }`;
    const place = "there is no such memory, or it is not there yet";
    expect(await warnings(kernel!, script, true)).toEqual([
      `probe_read_kernel failed 3 times: ${place}`,
      `probe_read_kernel_str failed 3 times: ${place}`,
    ]);
    expect(await warnings(kernel!, script)).toEqual([]);
  });

  it("nothing where all fits, and where elements make room", async () => {
    const script = `let @few = hash(3); let @last = lruhash(4);
      BEGIN { $i = 0; while ($i < 10) { @few[$i] = 1; delete(@few, $i); @last[$i] = 1; $i++ } }`;
    expect(await warnings(kernel!, script)).toEqual([]);
  });
});

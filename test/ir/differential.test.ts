import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { compileModule, printModule, validateModule } from "../../src/ir/index.ts";
import type { CpuVersion, IrModule, ProgramCode } from "../../src/ir/index.ts";
import { optimizeModule } from "../../src/ir/passes/index.ts";
import { encode } from "../../src/isa/index.ts";
import type { Fd, Kernel } from "../../src/kernel/index.ts";
import { SyscallError } from "../../src/kernel/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { Evaluator } from "./evaluator.ts";
import { CONTEXT_WORDS, randomModule } from "./random-module.ts";

const RAW_TRACEPOINT = 17;

const kernel = await tryKernel();

async function tryKernel(): Promise<Kernel | undefined> {
  try {
    const opened = await openKernel();
    runOnce(opened, compileModule(randomModule([]), { cpu: "v3" }), new BigUint64Array(CONTEXT_WORDS));
    return opened;
  } catch (error) {
    console.log(
      `skipped: programs cannot be run in this kernel (${String(error)})`,
      error instanceof SyscallError ? error.log : "",
    );
    return undefined;
  }
}

function runOnce(port: Kernel, code: ProgramCode, context: BigUint64Array): number {
  const fd = load(port, code);
  try {
    return port.bpf("PROG_TEST_RUN", { prog_fd: fd, ctx_in: new Uint8Array(context.buffer) }).retval;
  } finally {
    port.close(fd);
  }
}

/** A log costs more than the verification: it is asked for only when there is something to say. */
function load(port: Kernel, code: ProgramCode): Fd {
  const attr = { prog_type: RAW_TRACEPOINT, insns: encode(code.insns), license: "GPL" };
  try {
    return port.bpf("PROG_LOAD", attr);
  } catch {
    return port.bpf("PROG_LOAD", { ...attr, log_level: 1, log_buf: new Uint8Array(1 << 20) });
  }
}

/** Rejections that say nothing about the code: random loops are more than the verifier wants to walk. */
const TOO_COMPLEX = /too large|too many|infinite loop|ENOMEM|E2BIG/;

function evaluate(module: IrModule, context: BigUint64Array): number {
  const evaluator = new Evaluator(module);
  const address = evaluator.allocate(new Uint8Array(context.buffer));
  return Number(BigInt.asUintN(32, evaluator.run("main", [address])));
}

describe.skipIf(kernel === undefined)("compiled modules in the kernel", () => {
  let loaded = 0;
  beforeAll(() => {
    loaded = 0;
  });
  afterAll(() => {
    kernel?.[Symbol.dispose]();
    expect(loaded).toBeGreaterThan(100);
  });

  const words = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
  const input = fc.record({
    tape: fc.array(fc.nat(1000), { maxLength: 250, size: "max" }),
    context: fc.array(
      fc.oneof(words, fc.constantFrom(0n, 1n, 3n, 10n, 0x8000_0000n, 0xffff_ffff_ffff_ffffn)),
      {
        minLength: CONTEXT_WORDS,
        maxLength: CONTEXT_WORDS,
      },
    ),
  });

  for (const cpu of ["v1", "v2", "v3", "v4"] as const satisfies readonly CpuVersion[]) {
    it(`give what the form means (${cpu})`, { timeout: 120_000 }, () => {
      fc.assert(
        fc.property(input, ({ tape, context }) => {
          const words64 = BigUint64Array.from(context);
          const module = randomModule(tape);
          validateModule(module);
          const text = printModule(module);
          const expected = evaluate(module, words64);
          try {
            optimizeModule(module, () => validateModule(module));
            for (const optimize of [false, true]) {
              const code = compileModule(optimize ? module : randomModule(tape), { cpu, optimize });
              expect(runOnce(kernel!, code, words64), text).toBe(expected);
              loaded++;
            }
          } catch (error) {
            if (error instanceof SyscallError && TOO_COMPLEX.test(`${error.errno} ${error.log ?? ""}`))
              return;
            throw error;
          }
        }),
        { numRuns: Number(process.env["FUZZ_RUNS"] ?? 40) },
      );
    });
  }
});

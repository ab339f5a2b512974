import { describe, expect, test } from "vitest";
import { assemble } from "../../../isa/index.ts";
import { Machine } from "./index.ts";
import type { ExecutionMode, Helper } from "./index.ts";

const ADD: Helper = {
  params: ["i32", "i64"],
  result: "i64",
  call: (left: number, right: bigint) => BigInt(left) + right,
};

function run(mode: ExecutionMode, text: string, ...args: (number | bigint)[]): bigint {
  const machine = new Machine({ helpers: new Map([[5, ADD]]), fuel: 1_000_000 });
  return machine.load(assemble(text), mode).run(...args);
}

function errorCode(mode: ExecutionMode, text: string): unknown {
  try {
    return run(mode, text);
  } catch (error) {
    return error instanceof Error && "code" in error ? error.code : error;
  }
}

describe.each(["jit", "interpreter"] as const)("%s", (mode) => {
  test("64-bit and 32-bit arithmetic", () => {
    expect(run(mode, "r0 = -1\nr0 *= r0\nexit")).toBe(1n);
    expect(run(mode, "r0 = -1\nw0 += 1\nexit")).toBe(0n);
    expect(run(mode, "r0 = -1\nw0 = w0\nexit")).toBe(0xffff_ffffn);
    expect(run(mode, "r0 = 0x8000000000000000\nr1 = -1\nr0 s/= r1\nexit")).toBe(1n << 63n);
    expect(run(mode, "r0 = 7\nr1 = 0\nr0 %= r1\nexit")).toBe(7n);
    expect(run(mode, "r0 = 7\nr1 = 0\nr0 /= r1\nexit")).toBe(0n);
    expect(run(mode, "r0 = 0x1122334455667788\nr0 = bswap64 r0\nexit")).toBe(0x8877_6655_4433_2211n);
  });

  test("loops, branches and the stack", () => {
    const sum = `
      r0 = 0
      *(u64 *)(r10 -8) = r0
    loop:
      if r1 == 0 goto out
      lock *(u64 *)(r10 -8) += r1
      r1 += -1
      goto loop
    out:
      r0 = *(u64 *)(r10 -8)
      exit`;
    expect(run(mode, sum, 100)).toBe(5050n);
  });

  test("functions keep r6 to r9 and have a frame each", () => {
    const text = `
      r6 = 6
      *(u64 *)(r10 -8) = r6
      call f
      r0 += r6
      r1 = *(u64 *)(r10 -8)
      r0 += r1
      exit
    f:
      r6 = 100
      *(u64 *)(r10 -8) = r6
      r0 = r6
      exit`;
    expect(run(mode, text)).toBe(112n);
  });

  test("helpers, by id and through a register", () => {
    expect(run(mode, "r1 = 40\nr2 = 2\ncall unknown#5\nexit")).toBe(42n);
    expect(run(mode, "r3 = 5\nr1 = 40\nr2 = 2\ncallx r3\nexit")).toBe(42n);
  });

  test("callbacks run on a stack of their own, also inside each other", () => {
    const machine: Machine = new Machine({
      helpers: new Map([
        [
          181,
          {
            params: ["i32", "i32", "i64"],
            result: "i64",
            call: (count: number, callback: number, context: bigint) => {
              for (let turn = 0; turn < count; turn++) machine.callback(callback, turn, context);
              return BigInt(count);
            },
          },
        ],
      ]),
    });
    const text = `
      r6 = 1000
      *(u64 *)(r10 -8) = r6
      r1 = 4
      r2 = subprog[outer]
      r3 = r10
      r3 += -8
      call bpf_loop
      r0 += r6
      r1 = *(u64 *)(r10 -8)
      r0 += r1
      exit
    outer:
      r6 = r2
      *(u64 *)(r10 -8) = r1
      r1 = 3
      r2 = subprog[inner]
      r3 = r6
      call bpf_loop
      r1 = *(u64 *)(r10 -8)
      lock *(u64 *)(r6 +0) += r1
      r0 = 0
      exit
    inner:
      r3 = 10
      *(u64 *)(r10 -8) = r3
      lock *(u64 *)(r2 +0) += r3
      r0 = 0
      exit`;
    // 4 turns, r6 kept, and 1000 + 4 * 3 * 10 + (0 + 1 + 2 + 3) counted.
    expect(machine.load(assemble(text), mode).run()).toBe(4n + 1000n + 1126n);
  });

  test("two entries into a loop", () => {
    const text = `
      r0 = 0
      if r1 == 0 goto second
    first:
      r0 += 1
    second:
      r0 += 10
      if r0 < 100 goto first
      exit`;
    expect(run(mode, text, 0)).toBe(109n);
    expect(run(mode, text, 1)).toBe(110n);
  });

  test("what goes wrong is a typed error", () => {
    expect(errorCode(mode, "r1 = -1\nr0 = *(u8 *)(r1 +0)\nexit")).toBe("vm/fault");
    expect(errorCode(mode, "l:\ngoto l")).toBe("vm/fuel");
    expect(errorCode(mode, "goto pc+7")).toBe("vm/program");
    expect(errorCode(mode, "r0 = 0")).toBe("vm/program");
    expect(errorCode(mode, "call pc-1\nexit")).toBe("vm/program");
  });
});

test("the translation as text", () => {
  const text = `
    r0 = 0
  loop:
    r0 += r1
    r1 += -1
    if r1 != 0 goto loop
    exit`;
  expect(new Machine().print(assemble(text))).toBe(`function at 0:
i64.const 0
local.set 6
loop
  local.get 6
  local.get 0
  i64.add
  local.set 6
  local.get 0
  i64.const -1
  i64.add
  local.set 0
  local.get 0
  i64.const 0
  i64.ne
  br_if 0
  local.get 6
  return
end
unreachable
`);
});

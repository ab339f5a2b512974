import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Kernel } from "../../src/kernel/index.ts";
import { runScript, tryKernel } from "./run-script.ts";

// Random expressions: what the kernel computes is what C's rules say, whatever the optimiser does.

const kernel = await tryKernel();
afterAll(() => kernel?.[Symbol.dispose]());

/** What another program stored, the compiler cannot know. */
function run(port: Kernel, statements: string): Map<bigint, bigint> {
  return runScript(port, `BEGIN { @zero = (int64)0; } BEGIN { ${statements} }`);
}

interface Random {
  readonly text: string;
  readonly value: bigint;
}

const VARIABLES: readonly bigint[] = [7n, -3n, 255n, -129n, 65_536n, (1n << 40n) + 5n, -(1n << 33n), 0n, 1n];

const leaf: fc.Arbitrary<Random> = fc.oneof(
  fc.integer({ min: 0, max: 1000 }).map((value) => ({ text: `($v7 + ${value})`, value: BigInt(value) })),
  fc.nat({ max: VARIABLES.length - 1 }).map((index) => ({ text: `$v${index}`, value: VARIABLES[index]! })),
);

const CASTS: readonly (readonly [name: string, cast: (value: bigint) => bigint])[] = [
  ...([8, 16, 32] as const).map(
    (bits) => [`uint${bits}`, (value: bigint) => BigInt.asUintN(bits, value)] as const,
  ),
  ...([8, 16, 32, 64] as const).map(
    (bits) => [`int${bits}`, (value: bigint) => BigInt.asIntN(bits, value)] as const,
  ),
];

const OPERATORS: Readonly<Record<string, (left: bigint, right: bigint) => bigint>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "&": (left, right) => left & right,
  "|": (left, right) => left | right,
  "^": (left, right) => left ^ right,
  "<": (left, right) => BigInt(left < right),
  ">=": (left, right) => BigInt(left >= right),
  "==": (left, right) => BigInt(left === right),
  "&&": (left, right) => BigInt(left !== 0n && right !== 0n),
  "||": (left, right) => BigInt(left !== 0n || right !== 0n),
};

const expression: fc.Arbitrary<Random> = fc.letrec<{ tree: Random }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom(...Object.keys(OPERATORS)), tie("tree"), tie("tree"))
      .map(([name, left, right]) => ({
        text: `(int64)(${left.text} ${name} ${right.text})`,
        value: BigInt.asIntN(64, OPERATORS[name]!(left.value, right.value)),
      })),
    // Divisors and shift counts that every machine agrees on.
    fc.tuple(tie("tree"), tie("tree"), fc.boolean()).map(([left, right, divides]) => {
      const divisor = (right.value & 1023n) + 1n;
      return {
        text: `(${left.text} ${divides ? "/" : "%"} ((${right.text} & 1023) + 1))`,
        value: divides ? left.value / divisor : left.value % divisor,
      };
    }),
    fc.tuple(tie("tree"), fc.nat({ max: 63 }), fc.boolean()).map(([operand, count, left]) => ({
      text: `(${operand.text} ${left ? "<<" : ">>"} ${count})`,
      value: left ? BigInt.asIntN(64, operand.value << BigInt(count)) : operand.value >> BigInt(count),
    })),
    fc.tuple(tie("tree"), tie("tree"), tie("tree")).map(([condition, then, otherwise]) => ({
      text: `(${condition.text} != 0 ? ${then.text} : ${otherwise.text})`,
      value: condition.value === 0n ? otherwise.value : then.value,
    })),
    fc.tuple(tie("tree"), fc.constantFrom(...CASTS)).map(([operand, [name, cast]]) => ({
      text: `(int64)(${name})(${operand.text})`,
      value: cast(operand.value),
    })),
    tie("tree").map(({ text, value }) => ({ text: `(-${text})`, value: BigInt.asIntN(64, -value) })),
    tie("tree").map(({ text, value }) => ({ text: `(~${text})`, value: ~value })),
  ),
})).tree;

describe.skipIf(kernel === undefined)("expressions in the kernel", () => {
  it("compute what C computes", { timeout: 120_000 }, () => {
    const port = kernel!;
    const unknown = VARIABLES.map((value, index) => `$v${index} = (int64)${value} + (int64)@zero;`).join(" ");
    fc.assert(
      fc.property(fc.array(expression, { minLength: 1, maxLength: 6 }), (expressions) => {
        const body = expressions
          .map(({ text }, index) => `@r[(int64)${index}] = (int64)(${text});`)
          .join(" ");
        const answers = run(port, `${unknown} ${body}`);
        for (const [index, { text, value }] of expressions.entries())
          expect(answers.get(BigInt(index)), text).toBe(value);
      }),
      { numRuns: 40 },
    );
  });
});

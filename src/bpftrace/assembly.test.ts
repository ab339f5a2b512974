import { expect, test } from "vitest";
import { generate } from "./lower/index.ts";
import { aggregate, argument, map, NATIVE, program, ret, tracepoint } from "./lower/typed-tree.test-util.ts";
import { printAssembly } from "./assembly.ts";
import { PORTABLE } from "./lower/index.ts";

const total = map("@", { kind: "sum", signed: true });
const checked = program([total], tracepoint([aggregate(total, undefined, argument(ret))]));

test("maps, tracepoint fields and source lines are named", async () => {
  const { object } = generate(checked, { target: PORTABLE });
  const text = printAssembly(object);
  expect(text).toContain("map AT_");
  expect(text).toContain("; syscalls:sys_enter_test.ret");
  await expect(text).toMatchFileSnapshot("lower/goldens/sum.asm");
});

test("a program for the running kernel has its offsets", () => {
  const { object } = generate(checked, { target: NATIVE });
  expect(printAssembly(object)).toContain("*(u64 *)(r1 +32)");
});

import { expect, test } from "vitest";
import { addFunction, Builder, createModule, printModule, validateModule } from "../../ir/index.ts";
import { Code } from "./code.ts";

interface Name {
  readonly name: string;
}

function start(): { code: Code<Name>; finish: () => string } {
  const module = createModule();
  const fn = addFunction(module, { name: "f", params: ["i64"], result: "i64" });
  const builder = new Builder(fn);
  const code = new Code<Name>(builder, () => builder.i64(0));
  return {
    code,
    finish: () => {
      validateModule(module);
      return printModule(module);
    },
  };
}

test("assignments on both ways meet in a phi", () => {
  const { code, finish } = start();
  const { builder } = code;
  const x = { name: "x" };
  const then = code.block("then");
  const otherwise = code.block("else");
  const end = code.block("end");
  code.branch("eq", builder.param(0), builder.i64(1), then, otherwise);
  for (const [block, value] of [
    [then, 10],
    [otherwise, 20],
  ] as const) {
    code.at(block);
    code.write(x, builder.i64(value));
    code.jump(end);
  }
  code.at(end);
  code.ret(code.read(x));
  expect(finish()).toMatch(/phi i64 \[b1 10\] \[b2 20\]/);
});

test("a variable that both ways leave alone needs no phi", () => {
  const { code, finish } = start();
  const { builder } = code;
  const x = { name: "x" };
  code.write(x, builder.i64(7));
  const then = code.block("then");
  const end = code.block("end");
  code.branch("eq", builder.param(0), builder.i64(1), then, end);
  code.at(then);
  code.jump(end);
  code.at(end);
  code.ret(code.read(x));
  const printed = finish();
  expect(printed).not.toContain("phi");
  expect(printed).toContain("ret 7");
});

test("a loop reads what its last round wrote, also through loops inside", () => {
  const { code, finish } = start();
  const { builder } = code;
  const x = { name: "x" };
  code.write(x, builder.i64(0));
  const outer = code.block("outer");
  const inner = code.block("inner");
  const between = code.block("between");
  const end = code.block("end");
  code.jump(outer);
  code.atLoop(outer);
  code.jump(inner);
  code.atLoop(inner);
  code.write(x, builder.add(code.read(x), builder.i64(1)));
  code.branch("ult", code.read(x), builder.i64(5), inner, between);
  code.sealLoop(inner);
  code.at(between);
  code.branch("ult", code.read(x), builder.i64(9), outer, end);
  code.sealLoop(outer);
  code.at(end);
  code.ret(code.read(x));
  expect(finish().match(/phi/g)).toHaveLength(2);
});

test("what was never assigned is zero", () => {
  const { code, finish } = start();
  code.ret(code.read({ name: "never" }));
  expect(finish()).toContain("ret 0");
});

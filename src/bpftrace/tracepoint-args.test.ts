import { expect, test } from "vitest";
import { type DeclaredField, tracepointArgs } from "./tracepoint-args.ts";
import { fieldsOf } from "./records.ts";
import type { Type } from "./types.ts";

function typeOf(category: string, field: Partial<DeclaredField>): Type {
  const whole = { name: "x", type: "int", offset: 8, size: 4, signed: true, array: false, ...field };
  const args = tracepointArgs({ category, event: "e", fields: [whole], maxStringLength: 64 });
  return fieldsOf(args)[0]!.type;
}

test("numbers by size and sign", () => {
  expect(typeOf("sched", { type: "pid_t" })).toEqual({ kind: "int", size: 4, signed: true });
  expect(typeOf("sched", { type: "size_t", size: 8, signed: false })).toMatchObject({ size: 8 });
  expect(typeOf("sched", { type: "bool", size: 1 })).toEqual({ kind: "bool" });
});

test("character arrays are strings, in the record or behind it", () => {
  expect(typeOf("sched", { type: "char", size: 16, array: true, length: 16 })).toEqual({
    kind: "string",
    size: 16,
  });
  expect(typeOf("sched", { type: "char", array: true, location: "data" })).toEqual({
    kind: "string",
    size: 64,
  });
});

test("pointers of system calls are user addresses", () => {
  const argv = typeOf("syscalls", { type: "const char *const *", size: 8 });
  expect(argv).toMatchObject({
    kind: "pointer",
    space: "user",
    target: { kind: "pointer", space: "user", target: { kind: "int", size: 1 } },
  });
  expect(typeOf("net", { type: "void *", size: 8 })).toMatchObject({ kind: "pointer", space: "kernel" });
});

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseBtf } from "../btf/index.ts";
import { functionShape, rawTracepointShape, typeFromBtf } from "./btf-types.ts";
import { btfView } from "./btf-view.ts";
import { fieldOf, fieldsOf } from "./records.ts";
import type { RecordType } from "./types.ts";
import type { BtfType, BtfView } from "./world.ts";

const types: readonly BtfType[] = [
  { kind: "void" },
  { kind: "int", name: "char", size: 1, signed: true, bool: false, char: true },
  { kind: "array", element: 1, length: 16 },
  { kind: "int", name: "unsigned int", size: 4, signed: false, bool: false, char: false },
  {
    kind: "struct",
    name: "node",
    size: 32,
    members: [
      { name: "name", type: 2, bitOffset: 0, bitWidth: 0 },
      { name: "", type: 5, bitOffset: 128, bitWidth: 0 },
      { name: "low", type: 3, bitOffset: 192, bitWidth: 3 },
      { name: "high", type: 3, bitOffset: 222, bitWidth: 2 },
    ],
  },
  {
    kind: "union",
    name: "",
    size: 8,
    members: [
      { name: "next", type: 6, bitOffset: 0, bitWidth: 0 },
      { name: "buffer", type: 7, bitOffset: 0, bitWidth: 0 },
    ],
  },
  { kind: "pointer", target: 4 },
  { kind: "pointer", target: 8 },
  { kind: "modifier", target: 1, tag: "user" },
];
const view: BtfView = {
  find: () => undefined,
  type: (id) => types[id]!,
  names: () => [],
  enumerator: () => undefined,
};

function record(id: number, btf: BtfView = view): RecordType {
  const type = typeFromBtf(btf, id, "kernel");
  if (type.kind !== "record") throw new TypeError("no record");
  return type;
}

test("members of anonymous records are lifted and keep their path", () => {
  expect(fieldsOf(record(4)).map(({ name, offset, path }) => [name, offset, path])).toEqual([
    ["name", 0, [0]],
    ["next", 16, [1, 0]],
    ["buffer", 16, [1, 1]],
    ["low", 24, [2]],
    ["high", 24, [3]],
  ]);
});

test("character arrays are strings, bitfields know their bits, __user pointers their space", () => {
  const node = record(4);
  expect(fieldOf(node, "name")?.type).toEqual({ kind: "string", size: 16 });
  expect(fieldOf(node, "low")?.bits).toEqual({ offset: 0, width: 3 });
  expect(fieldOf(node, "high")?.bits).toEqual({ offset: 30, width: 2 });
  expect(fieldOf(node, "buffer")?.type).toMatchObject({ kind: "pointer", space: "user" });
  expect(fieldOf(node, "next")?.type).toMatchObject({ space: "kernel", target: { name: "node" } });
});

test("the running kernel's records and functions", (ctx) => {
  const path = "/sys/kernel/btf/vmlinux";
  if (!existsSync(path)) return ctx.skip("the kernel has no BTF");
  const kernel = btfView(parseBtf(readFileSync(path)));
  const task = record(kernel.find("struct", "task_struct")!, kernel);
  expect(fieldOf(task, "comm")?.type).toEqual({ kind: "string", size: 16 });
  expect(fieldOf(task, "real_parent")?.type).toMatchObject({ target: { name: "task_struct" } });
  expect(functionShape(kernel, "vfs_read")?.result).toMatchObject({ kind: "int", size: 8, signed: true });
  const exec = rawTracepointShape(kernel, "sched_process_exec");
  expect(exec && fieldOf(exec.args, "p")?.offset).toBe(0);
});

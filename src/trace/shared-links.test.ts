import { describe, expect, test } from "vitest";
import type { ObjectSpec, PlanProbe, ProgramSpec } from "../object/index.ts";
import { BPF_ATTACH_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import { forSharedLinks, sharedHooks, sharedLinks } from "./shared-links.ts";

function kprobe(program: string, name: string, more: { offset?: number; return?: boolean } = {}): PlanProbe {
  return { program, name, attach: { kind: "kprobe", function: name, offset: 0, return: false, ...more } };
}

function uprobe(program: string, path: string, symbol: string | undefined, offset = 0): PlanProbe {
  const attach = { kind: "uprobe", path, offset, return: true, ...(symbol && { symbol }) } as const;
  return { program, name: symbol ?? "", attach };
}

const all = (): boolean => true;

function kprobes(program: string, count: number): PlanProbe[] {
  return Array.from({ length: count }, (_, index) => kprobe(program, `f${index}`));
}

describe("which programs share a link", () => {
  test.each<[string, PlanProbe[], string[]]>([
    ["many functions", [...kprobes("a", 8), kprobe("b", "f")], ["a"]],
    ["a few functions", kprobes("a", 7), []],
    ["an offset", [...kprobes("a", 8), kprobe("a", "g", { offset: 4 })], []],
    ["entry and return", [...kprobes("a", 8), kprobe("a", "g", { return: true })], []],
    ["several files", [uprobe("a", "/a", "f"), uprobe("a", "/b", "g", 4)], ["a"]],
    ["places without a name", [uprobe("a", "/a", "f"), uprobe("a", "/a", undefined, 8)], []],
    ["names that look like patterns", [uprobe("a", "/a", "f"), uprobe("a", "/a", "operator*")], []],
    ["other kinds", [{ program: "a", name: "begin", attach: { kind: "begin" } }], []],
  ])("%s", (_, probes, expected) => {
    expect([...sharedLinks(probes, all).keys()]).toEqual(expected);
  });

  test("none where the kernel has no such links", () => {
    const probes = [...kprobes("a", 9), uprobe("b", "/a", "f"), uprobe("b", "/a", "g")];
    expect([...sharedLinks(probes, (feature) => feature === "uprobeMulti").keys()]).toEqual(["b"]);
    expect(sharedLinks(probes, () => false).size).toBe(0);
  });
});

test("the programs are loaded for such links, the others as they were", () => {
  const spec: Omit<ProgramSpec, "name"> = {
    section: "kprobe",
    type: BPF_PROG_TYPE.KPROBE,
    insns: [],
    relocations: [],
    functions: [],
    lines: [],
  };
  const object: ObjectSpec = {
    license: "GPL",
    maps: [],
    programs: [
      { name: "a", ...spec },
      { name: "b", ...spec },
    ],
  };
  const links = sharedLinks([...kprobes("a", 8), kprobe("b", "f")], all);
  expect(forSharedLinks(object, links).programs.map(({ expectedAttachType }) => expectedAttachType)).toEqual([
    BPF_ATTACH_TYPE.TRACE_KPROBE_MULTI,
    undefined,
  ]);
});

test("one hook for all functions of the kernel, one for each file", () => {
  expect(sharedHooks([kprobe("a", "f"), kprobe("a", "g")])).toEqual([
    { kind: "kprobe-multi", functions: ["f", "g"], mode: "entry" },
  ]);
  expect(sharedHooks([uprobe("a", "/a", "f"), uprobe("a", "/b", "g"), uprobe("a", "/a", "h", 4)])).toEqual([
    { kind: "uprobe-multi", path: "/a", functions: ["f", "h+4"], mode: "return" },
    { kind: "uprobe-multi", path: "/b", functions: ["g"], mode: "return" },
  ]);
});

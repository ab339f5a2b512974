import type { Diagnostic } from "../diagnostic.ts";
import { check } from "./check/check.ts";
import { parse } from "./parse.ts";
import { printSyntax, printTypes } from "./print-tree.ts";
import type { BtfType, BtfView, CheckOptions, World } from "./world.ts";

/** A small kernel: struct task_struct with a parent, struct sock, one function, one raw tracepoint. */
const types: readonly BtfType[] = [
  { kind: "void" },
  { kind: "int", name: "int", size: 4, signed: true, bool: false, char: false },
  { kind: "int", name: "char", size: 1, signed: true, bool: false, char: true },
  { kind: "array", element: 2, length: 16 },
  {
    kind: "struct",
    name: "task_struct",
    size: 40,
    members: [
      { name: "pid", type: 1, bitOffset: 0, bitWidth: 0 },
      { name: "tgid", type: 1, bitOffset: 32, bitWidth: 0 },
      { name: "parent", type: 5, bitOffset: 64, bitWidth: 0 },
      { name: "real_parent", type: 5, bitOffset: 128, bitWidth: 0 },
      { name: "comm", type: 3, bitOffset: 192, bitWidth: 0 },
    ],
  },
  { kind: "pointer", target: 4 },
  {
    kind: "enum",
    name: "color",
    size: 4,
    signed: false,
    values: [
      { name: "RED", value: 0n },
      { name: "BLUE", value: 7n },
    ],
  },
  {
    kind: "prototype",
    result: 1,
    parameters: [
      { name: "task", type: 5 },
      { name: "how", type: 6 },
    ],
  },
  { kind: "function", name: "wake_up", prototype: 7 },
];
const named: Readonly<Record<string, number>> = {
  "struct task_struct": 4,
  "int int": 1,
  "enum color": 6,
  "func wake_up": 8,
};
export const btf: BtfView = {
  find: (kind, name) => named[`${kind} ${name}`],
  type: (id) => types[id]!,
  names: (kind) =>
    Object.keys(named)
      .filter((name) => name.startsWith(`${kind} `))
      .map((name) => name.slice(kind.length + 1)),
  enumerator: (name) => (name === "BLUE" ? { value: 7n, enumId: 6 } : undefined),
};

const format = `name: sys_enter_open
ID: 600
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int common_pid;	offset:4;	size:4;	signed:1;

	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:const char * filename;	offset:16;	size:8;	signed:0;
	field:const char *const * argv;	offset:24;	size:8;	signed:0;
	field:int flags;	offset:32;	size:8;	signed:0;

print fmt: "filename: 0x%08lx", REC->filename
`;

export const world: World = {
  btf,
  arch: "x64",
  tracepoints: () => ["syscalls:sys_enter_open", "syscalls:sys_enter_openat", "sched:sched_switch"],
  tracepointFormat: (category, event) =>
    category === "syscalls" && event.startsWith("sys_enter_open") ? format : undefined,
  kernelFunctions: () => [
    { name: "vfs_read", module: "vmlinux" },
    { name: "vfs_write", module: "vmlinux" },
    { name: "wake_up", module: "vmlinux" },
    { name: "xfs_read", module: "xfs" },
  ],
  userSymbols: () => ["readline", "main"],
  // bash is linked to a place of its own, all other files move.
  userPlace: (path, place) => {
    const fixed = path.endsWith("bash");
    if (place === "readline" || place === 0x100) return { address: 0x1100, size: 40, fixed };
    if (place === "main") return { address: 0x1200, size: 40, fixed };
    return place === "count" ? { address: 0x3000, size: 4, fixed } : undefined;
  },
  findExecutable: (name) =>
    name.includes("missing") ? undefined : name.startsWith("/") ? name : `/usr/bin/${name}`,
  cgroupId: (path) => (path === "/sys/fs/cgroup/a" ? 42n : undefined),
  kernelAddress: () => undefined,
};

export function findings(
  text: string,
  options: Partial<CheckOptions> = {},
  at: World = world,
): readonly Diagnostic[] {
  const { program, diagnostics } = parse({ name: "test.bt", text });
  const checked = check(program, at, { positional: [], unsafe: false, ...options });
  return diagnostics.some(({ severity }) => severity === "error")
    ? diagnostics
    : [...diagnostics, ...checked.diagnostics];
}

/** `error 3:7 "text": message (hint)` */
export function shown(text: string, options?: Partial<CheckOptions>, at?: World): string[] {
  return findings(text, options, at).map(({ severity, message, span, hints }) => {
    const place = span ? ` '${text.slice(span.start, span.end)}'` : "";
    return `${severity}${place}: ${message}${hints ? ` (${hints.join(" ")})` : ""}`;
  });
}

export function typesOf(text: string, options: Partial<CheckOptions> = {}, at: World = world): string {
  const { program, diagnostics } = parse({ name: "test.bt", text });
  const { checked, diagnostics: more } = check(program, at, { positional: [], unsafe: true, ...options });
  if (!checked) throw new Error([...diagnostics, ...more].map(({ message }) => message).join("\n"));
  return printTypes(checked);
}

export function syntaxOf(text: string): string {
  return printSyntax(parse({ name: "test.bt", text }).program);
}

import { expect } from "vitest";
import type { Scenario } from "../scenario.ts";

interface ErrorRow {
  readonly name: string;
  readonly script: string;
  readonly flags?: readonly string[];
  /** What the message must say. */
  readonly message: RegExp;
}

const ROWS: readonly ErrorRow[] = [
  { name: "a syntax error", script: "BEGIN { print( }", message: /\^/ },
  { name: "an unknown probe kind", script: "kprob:vfs_read { }", message: /kprob\b/ },
  {
    name: "an unknown tracepoint",
    script: "tracepoint:syscalls:sys_enter_opena { }",
    message: /sys_enter_opena/,
  },
  { name: "an unknown kernel function", script: "kprobe:vfs_reed { }", message: /vfs_reed/ },
  { name: "an untraceable fentry function", script: "fentry:vfs_reed { }", message: /vfs_reed/ },
  {
    name: "a program that does not exist",
    script: "uprobe:/bin/nothing:main { }",
    message: /\/bin\/nothing/,
  },
  { name: "a symbol that does not exist", script: "uprobe:/usr/bin/node:no_such { }", message: /no_such/ },
  {
    name: "an unknown tracepoint field",
    script: "tracepoint:syscalls:sys_enter_openat { print(args.nam); }",
    message: /nam\b/,
  },
  {
    name: "an unknown struct member",
    script: "BEGIN { print(((struct task_struct *)curtask)->pit); }",
    message: /pit\b/,
  },
  {
    name: "an unknown type",
    script: "BEGIN { print(((struct task_strict *)curtask)->pid); }",
    message: /task_strict/,
  },
  { name: "an unknown function", script: "BEGIN { prinf(1); }", message: /prinf/ },
  { name: "a type mismatch", script: 'BEGIN { @a = 1; @a = "text"; }', message: /@a/ },
  { name: "a missing --unsafe", script: 'BEGIN { system("ls"); }', message: /--unsafe/ },
];

/** Bad input: one message that names the thing with a caret, exit code 1, nothing attached. */
export const errors: readonly Scenario[] = [
  ...ROWS.map(({ name, script, flags = [], message }): Scenario => ({
    name,
    run: async (guest) => {
      const { stdout, stderr, code } = await guest.run(["./bpfkit", "trace", ...flags, "-e", script]);
      expect(stderr).toMatch(message);
      expect(stderr).toContain("^");
      expect(stderr).not.toMatch(/\n\s+at .*\.js:/);
      expect(stdout).toBe("");
      expect(code).toBe(1);
    },
  })),
  {
    name: "no permission",
    run: async (guest) => {
      const command = "./bpfkit trace -e 'tracepoint:syscalls:sys_enter_openat { @ = count(); }'";
      const { stderr, code } = await guest.run([
        "sh",
        "-c",
        `echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd; su nobody -c "${command.replaceAll('"', '\\"')}"`,
      ]);
      expect(stderr).toMatch(/root|CAP_BPF|permission/i);
      expect(stderr).not.toMatch(/\n\s+at .*\.js:/);
      expect(code).toBe(1);
    },
  },
];

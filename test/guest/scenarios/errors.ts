import { expect } from "vitest";
import type { Guest } from "../guest.ts";
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
    run: leavesNothing((guest) =>
      refused(guest, {
        script: "tracepoint:syscalls:sys_enter_openat { @ = count(); }",
        as: "nobody",
        message: /^bpf\(2\) is refused[^]*HINT: .*-c COMMAND.*\n.*HINT: .*run as root/,
      }),
    ),
  },
  {
    name: "no permission for bpf(2)",
    run: leavesNothing((guest) =>
      refused(guest, {
        script: "BEGIN { @ = count(); }",
        options: "--kernel linux",
        as: "nobody",
        message: /EPERM[^]*HINT: The process lacks CAP_BPF.*root/,
      }),
    ),
  },
  {
    name: "a kernel without BTF",
    run: leavesNothing(async (guest) => {
      const hidden = "/sys/kernel/btf";
      for (const [script, message] of [
        ["fentry:vfs_read { @ = count(); }", /fentry needs BTF.*\n[^]*\^[^]*HINT: Use kprobe.*--btf FILE/],
        ["BEGIN { print(curtask->pid); }", /known from BTF.*\n[^]*\^[^]*HINT: Give BTF with --btf FILE/],
        [
          "BEGIN { print(((struct task_struct *)curtask)->pid); }",
          /struct task_struct.*\n[^]*\^[^]*HINT: There is no BTF here/,
        ],
      ] as const)
        await refused(guest, { script, hidden, message });
      // Its types may come from elsewhere.
      const { stdout, code } = await guest.run([
        "sh",
        "-c",
        `cp ${hidden}/vmlinux /tmp/types && ${hide(hidden, `./bpfkit trace --btf /tmp/types -e 'BEGIN { printf("%s\\n", curtask->comm); }'`)}`,
      ]);
      expect(stdout).toContain("bpfkit\n");
      expect(code).toBe(0);
    }),
  },
  {
    name: "a kernel without kprobes and uprobes",
    run: leavesNothing(async (guest) => {
      const hidden = "/sys/bus/event_source/devices";
      for (const [script, message] of [
        [
          "kprobe:vfs_read { @ = count(); }",
          /has no kprobes\n[^]*\^[^]*HINT: .*CONFIG_KPROBES[^]*HINT: Use fentry:vfs_read/,
        ],
        [
          "BEGIN { @ = 1; } uretprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc { @ = 2; }",
          /has no uprobes\n[^]* {17}\^~[^]*HINT: .*CONFIG_UPROBES/,
        ],
      ] as const)
        await refused(guest, { script, hidden, message });
    }),
  },
  {
    name: "a program that the verifier rejects",
    run: leavesNothing((guest) =>
      refused(guest, {
        script: "BEGIN { while (1) { @ = 1; } }",
        message:
          /verifier rejected this program: infinite loop detected.*\nBEGIN .*\n {20}\^~+\nHINT: A loop has no end that the verifier can see/,
      }),
    ),
  },
];

interface Refusal {
  readonly script: string;
  readonly options?: string;
  readonly message: RegExp;
  /** Run as this user. */
  readonly as?: string;
  /** Folder of the system that is made to look empty. */
  readonly hidden?: string;
}

/** One message and exit code 1. */
async function refused(guest: Guest, { script, options = "", message, as, hidden }: Refusal): Promise<void> {
  const own = `./bpfkit trace ${options} -e '${script}'`;
  const command = as === undefined ? own : `su ${as} -s /bin/sh -c "${own}"`;
  const { stdout, stderr, code } = await guest.run([
    "sh",
    "-c",
    hidden === undefined ? command : hide(hidden, command),
  ]);
  expect(stderr).toMatch(message);
  expect(stderr.match(/ERROR:/g)).toHaveLength(1);
  expect(stderr).not.toMatch(/\n\s+at .*\.js:/);
  expect(stdout.trim()).toBe("");
  expect(code).toBe(1);
}

/** Runs what must not work, and sees that the kernel holds afterwards what it held before. */
function leavesNothing(run: Scenario["run"]): Scenario["run"] {
  return async (guest) => {
    const before = await held(guest);
    await run(guest);
    expect(await held(guest)).toBe(before);
  };
}

function hide(folder: string, command: string): string {
  return `mount -t tmpfs none ${folder} && (${command}); code=$?; umount ${folder}; exit $code`;
}

/** Programs, links and pins that exist. */
async function held(guest: Guest): Promise<string> {
  const lists = ["prog", "link"].map((kind) => `./bpfkit ${kind} show -j`);
  const { stdout, code } = await guest.run(["sh", "-c", [...lists, "find /sys/fs/bpf"].join(" && ")]);
  expect(code).toBe(0);
  return stdout;
}

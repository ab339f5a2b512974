import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Guest, GuestProcess } from "../guest.ts";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";

const ONE_LINER =
  'tracepoint:syscalls:sys_enter_execve,tracepoint:syscalls:sys_enter_execveat { printf("%-6d %-8s", pid, comm); join(args->argv);}';
const EXAMPLE = "examples/process-creation.bt";
const HEADER = "TIME      PID    CGROUP  PPID   COMM             ARGS\n";
const ATTACHED = /Attached \d+ probe/;

export const mainJob: readonly Scenario[] = [
  {
    name: "the one-liner prints every command that starts",
    run: async (guest) => {
      const { stdout, code } = await traceExecs(guest, ["./bpfkit", "trace", "-e", ONE_LINER]);
      expect(stdout).toMatch(/^\d+ +sh +\/bin\/busybox echo seen by the tracer$/m);
      expect(code).toBe(0);
    },
  },
  {
    name: "the script with an #include prints time, cgroup and parent too",
    run: async (guest) => {
      const { stdout, code } = await traceExecs(guest, ["./bpfkit", "trace", EXAMPLE]);
      expect(stdout.startsWith(HEADER)).toBe(true);
      expect(stdout).toMatch(
        /^\d\d:\d\d:\d\d {2}\d+ +\d+ +\d+ +sh +\/bin\/busybox echo seen by the tracer$/m,
      );
      expect(code).toBe(0);
    },
  },
  {
    name: "an object built on another machine runs",
    run: async (guest) => {
      await guest.write("/tmp/example.bpf.o", builtHere());
      const { stdout, code } = await traceExecs(guest, ["./bpfkit", "trace", "/tmp/example.bpf.o"]);
      expect(stdout.startsWith(HEADER)).toBe(true);
      expect(stdout).toMatch(
        /^\d\d:\d\d:\d\d {2}\d+ +\d+ +\d+ +sh +\/bin\/busybox echo seen by the tracer$/m,
      );
      expect(code).toBe(0);
    },
  },
  {
    name: "an object that needs more than 5.10 runs where the kernel has it, and says what it lacks elsewhere",
    run: async (guest) => {
      const loop = 'BEGIN { @m[1] = 2; @m[3] = 4; for ($kv : @m) { printf("%d\\n", $kv.1); } }';
      const count = 'BEGIN { @c = count(); @c = count(); printf("%d\\n", (int64)@c); }';
      for (const [script, helper, output] of [
        [loop, "bpf_for_each_map_elem", /^(?:2\n4|4\n2)\n/],
        [count, "bpf_map_lookup_percpu_elem", /^2\n/],
      ] as const) {
        const { stdout, stderr, code } = await guest.run([
          "sh",
          "-c",
          `echo '${script}' >/tmp/x.bt && ./bpfkit build /tmp/x.bt -o /tmp/x.bpf.o && ./bpfkit trace /tmp/x.bpf.o`,
        ]);
        const missing = new RegExp(`has no helper ${helper}.*\n[^]*\\^[^]*HINT: It came with Linux 5`);
        if (guest.kernel === "5.10") expect(stderr).toMatch(missing);
        else expect(stdout).toMatch(output);
        expect(code).toBe(guest.kernel === "5.10" ? 1 : 0);
      }
    },
  },
  {
    name: "a script builds to the same bytes every time",
    run: async (guest) => {
      await guest.shell(
        `./bpfkit build ${EXAMPLE} -o /tmp/one.bpf.o && ./bpfkit build ${EXAMPLE} -o /tmp/two.bpf.o`,
      );
      expect(Buffer.compare(await guest.read("/tmp/one.bpf.o"), await guest.read("/tmp/two.bpf.o"))).toBe(0);
    },
  },
];

/** Runs a command under a tracer, then interrupts the tracer as Ctrl-C does. */
async function traceExecs(guest: Guest, argv: readonly string[]): ReturnType<Guest["run"]> {
  const tracer: GuestProcess = guest.start(argv);
  await tracer.waitFor(ATTACHED);
  await guest.shell("/bin/busybox echo seen by the tracer");
  await tracer.waitFor(/seen by the tracer/);
  tracer.signal("SIGINT");
  return tracer.end;
}

let built: Buffer | undefined;

/** The example's object, compiled by this machine, whatever its kernel is. */
function builtHere(): Buffer {
  if (built) return built;
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-object-"));
  try {
    const object = join(folder, "example.bpf.o");
    const root = repository();
    execFileSync(process.execPath, ["dist/bin/bpfkit.js", "build", EXAMPLE, "-o", object], { cwd: root });
    built = readFileSync(object);
    return built;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

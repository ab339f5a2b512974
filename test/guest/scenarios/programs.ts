import { expect } from "vitest";
import type { Guest } from "../guest.ts";
import type { Scenario } from "../scenario.ts";

const SCRIPT = "tracepoint:raw_syscalls:sys_enter { @ = count(); }";

/** Runs `use` while a program counts system calls; its id is given. */
async function withProgram(guest: Guest, use: (id: number) => Promise<void>): Promise<void> {
  const tracer = guest.start(["./bpfkit", "trace", "-e", SCRIPT]);
  await tracer.waitFor(/Attached \d+ probe/);
  const { stdout } = await guest.run(["./bpfkit", "prog", "show", "-j"]);
  const programs: { id: number; type: string }[] = JSON.parse(stdout);
  await use(programs.find(({ type }) => type === "tracepoint")!.id);
  tracer.signal("SIGINT");
  await tracer.end;
}

/** What is shown of programs that run: run times, counters, what hangs together. */
export const programs: readonly Scenario[] = [
  {
    name: "a program is profiled by the clock, and missing counters are named",
    run: (guest) =>
      withProgram(guest, async (id) => {
        const profile = ["./bpfkit", "prog", "profile", "-j", "id", String(id), "duration", "2"];
        const { stdout, code } = await guest.run([...profile, "cpu_clock"]);
        const [reading] = JSON.parse(stdout);
        expect(reading.metric).toBe("cpu_clock");
        expect(reading.run_cnt).toBeGreaterThan(10);
        expect(reading.value).toBeGreaterThan(0);
        expect(code).toBe(0);
        const cycles = await guest.run([...profile, "cycles"]);
        // Emulated machines have none; where there are, they count.
        if (cycles.code === 0) expect(JSON.parse(cycles.stdout)[0].value).toBeGreaterThan(0);
        else expect(JSON.parse(cycles.stdout).error).toBe("This machine cannot count cycles");
      }),
  },
  {
    name: "top counts runs",
    run: (guest) =>
      withProgram(guest, async (id) => {
        const { stdout, code } = await guest.run(["./bpfkit", "top", "-n", "1", "-i", "1", "-f", "json"]);
        const { programs: rows } = JSON.parse(stdout);
        const row = rows.find((other: { id: number }) => other.id === id);
        expect(row.events_per_second).toBeGreaterThan(1);
        expect(row.cpu_percent).toBeGreaterThan(0);
        expect(code).toBe(0);
      }),
  },
  {
    name: "the tree shows links, maps and processes",
    run: (guest) =>
      withProgram(guest, async (id) => {
        const { stdout } = await guest.run(["./bpfkit", "prog", "show", "id", String(id), "--tree"]);
        expect(stdout).toMatch(new RegExp(`^prog ${id}  tracepoint `));
        expect(stdout).toMatch(/^[├└]─ map \d+ .*\n[│ ] {2}[├└]─ held by bpfkit\(\d+\)$/m);
        expect(stdout).toMatch(/^[├└]─ (?:link \d+ {2}perf_event|pid \d+ {2}fd \d+: )/m);
      }),
  },
];

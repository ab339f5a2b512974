// Measures every tool on every script and prints one JSON value. Runs in a guest, where probes may attach to
// everything; on a developer's own machine only the section "start", whose scripts then see no process (FILTER).
// node inside.js SECTIONS ROUNDS EVENTS FILTER|- TOOL=COMMAND...
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openKernel } from "../src/open-kernel.ts";
import { commandTools, measureCommands, profileHeader, TYPES } from "./commands.ts";
import {
  attempt,
  measureCost,
  measureOutput,
  measureSize,
  measureStart,
  withStatistics,
} from "./measurements.ts";
import { measureObjects } from "./objects.ts";
import type { Measured, Report } from "./report.ts";
import type { Tool } from "./tracer.ts";

const SCRIPTS = "bench/scripts";
const ONE_LINER =
  'tracepoint:syscalls:sys_enter_execve,tracepoint:syscalls:sys_enter_execveat { printf("%-6d %-8s", pid, comm); join(args->argv);}';
const EVERY_WRITE =
  'tracepoint:syscalls:sys_enter_write /comm == "dd" && args.fd == 1/ { printf("event %d %s %d\\n", pid, comm, args.count); }';

/** Shell lines that make events of a known kind and number. */
const COSTS: readonly { readonly script: string; readonly load: string }[] = [
  { script: "syscalls-by-process", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "syscalls-by-id", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "read-latency", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "write-statistics", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "vfs-read-results", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "vfs-stacks", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "typed-entry", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "arithmetic", load: "dd if=/dev/zero of=/dev/null bs=1 count=5000" },
  { script: "execs", load: "i=0; while [ $i -lt 20 ]; do /bin/busybox true a b c; i=$((i+1)); done" },
  {
    script: "process-creation",
    load: "i=0; while [ $i -lt 20 ]; do /bin/busybox true a b c; i=$((i+1)); done",
  },
];

const [sectionList, rounds, events, filter, ...toolList] = process.argv.slice(2);
const sections = new Set(sectionList!.split(","));
const tools: Tool[] = toolList.map((text) => {
  const [name, command] = text.split("=");
  return { name: name!, argv: command!.split(" ") };
});

using kernel = await openKernel();
writeFileSync("/tmp/bench-one-liner.bt", filtered(ONE_LINER));
writeFileSync(
  "/tmp/bench-process-creation.bt",
  filtered(readFileSync("examples/process-creation.bt", "utf8")),
);
writeFileSync("/tmp/bench-every-write.bt", EVERY_WRITE);

/**
 * The script as every tool can read it: bpftrace has no headers for the #include lines, whose types BTF has.
 */
function filtered(script: string): string {
  const plain = script.replace(/^#include.*$/gm, "");
  return filter === "-" ? plain : plain.replace(/(sys_enter_execveat)\b/g, `$1 /${filter}/`);
}

async function each<T>(what: string, measure: (tool: Tool) => Promise<T>): Promise<Measured<T>> {
  const byTool: Measured<T>["byTool"] = {};
  for (const tool of tools) {
    byTool[tool.name] = await attempt(() => measure(tool));
    console.error(`${what}: ${tool.name}: ${JSON.stringify(byTool[tool.name])}`);
  }
  return { what, byTool };
}

const ofTypes = sections.has("btf");
const report: Report = {
  kernel: kernel.name,
  start: [],
  size: [],
  cost: [],
  costUnit: "ns",
  output: [],
  btf: ofTypes ? measureCommands(commandTools(tools), TYPES, Number(rounds)) : [],
  objects: sections.has("objects") ? measureObjects(kernel, commandTools(tools), Number(rounds)) : [],
  profile: ofTypes ? profileHeader("dist/bin/bpfkit.js") : [],
};
if (sections.has("start"))
  for (const what of ["one-liner", "process-creation"])
    report.start.push(
      await each(what, (tool) => measureStart(tool, `/tmp/bench-${what}.bt`, Number(rounds))),
    );
if (sections.has("size"))
  for (const file of readdirSync(SCRIPTS).sort((a, b) => a.localeCompare(b)))
    report.size.push(
      await each(file.replace(/\.bt$/, ""), (tool) => measureSize(kernel, tool, join(SCRIPTS, file))),
    );
if (sections.has("cost"))
  await withStatistics(kernel, async () => {
    for (const { script: what, load } of COSTS) {
      const byTool = await measureCost(kernel, tools, join(SCRIPTS, `${what}.bt`), load, Number(rounds));
      console.error(`${what}: ${JSON.stringify(byTool)}`);
      report.cost.push({ what, byTool });
    }
  });
if (sections.has("output"))
  report.output.push(
    await each("printf to a file", (tool) =>
      measureOutput(tool, "/tmp/bench-every-write.bt", Number(events)),
    ),
  );
console.log(JSON.stringify(report));

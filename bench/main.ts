// npm run bench -- [--kernel 6.12|host] [--sections start,size,cost,output,btf,objects] [--rounds 5] [--events 1000000]
//                  [--peers FOLDER] [--clock instructions|time] [-f json]
// Measures bpfkit beside bpftrace (FOLDER/bin/bpftrace, FOLDER as in BPFKIT_PEERS) in one guest, or on this
// machine, where only the start is measured, with scripts that see no process, and btf.
// Where guests are emulated, the section "cost" has one of its own whose clock counts instructions: time there says
// more about this machine's other work than about programs. --clock time measures it all the same.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guest, isEmulated } from "../test/guest/guest.ts";
import { isKernelName } from "../test/guest/kernels.ts";
import { repository } from "../test/guest/repository.ts";
import { reportText, type Report } from "./report.ts";

const INSIDE = ".cache/tools/bench/inside.js";

const { values } = parseArgs({
  options: {
    kernel: { type: "string", default: "6.12" },
    sections: { type: "string", default: "start,size,cost,output,btf,objects" },
    rounds: { type: "string", default: "5" },
    events: { type: "string", default: "1000000" },
    peers: { type: "string" },
    clock: { type: "string", default: "instructions" },
    format: { type: "string", short: "f", default: "text" },
  },
});
const peers = values.peers ?? process.env["BPFKIT_PEERS"];
const root = repository();
const numbers = [values.rounds, values.events];

const report = values.kernel === "host" ? parsed(onThisMachine()) : await inGuests(values.kernel);
console.log(values.format === "json" ? JSON.stringify(report, null, 2) : reportText(report));

function parsed(text: string): Report {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- inside.ts wrote it
  return JSON.parse(text) as Report;
}

async function inGuests(kernel: string): Promise<Report> {
  const sections = values.sections.split(",");
  const counted = sections.includes("cost") && values.clock === "instructions" && isEmulated();
  if (!counted) return parsed(await inGuest(kernel, sections, false));
  const { cost, ...costs } = parsed(await inGuest(kernel, ["cost"], true));
  const others = sections.filter((name) => name !== "cost");
  const rest = others.length === 0 ? costs : parsed(await inGuest(kernel, others, false));
  return { ...rest, cost, costUnit: "instructions" };
}

async function inGuest(
  kernel: string,
  sections: readonly string[],
  countInstructions: boolean,
): Promise<string> {
  if (!isKernelName(kernel)) throw new Error(`no guest kernel ${kernel}`);
  await using guest = await Guest.boot(kernel, {
    peers,
    memory: 3072,
    countInstructions,
    folders: [
      { from: join(root, "bench", "scripts"), to: "bpfkit/bench/scripts" },
      { from: join(root, ".cache", "tools"), to: "bpfkit/.cache/tools" },
    ],
  });
  const argv = ["node", INSIDE, sections.join(","), ...numbers, "-", ...tools("./bpfkit", "/peers")];
  const { stdout, stderr, code } = await guest.run(argv, { timeout: 3_000_000 });
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** In a mount namespace of its own: bpftrace wants tracefs, and the machine's mounts are not ours to change. */
function onThisMachine(): string {
  const line = 'mountpoint -q /sys/kernel/tracing || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"';
  const sections = values.sections.split(",").filter((name) => ["start", "btf", "objects"].includes(name));
  const argv = [
    process.execPath,
    INSIDE,
    sections.join(","),
    ...numbers,
    "pid == 0",
    ...tools("./bpfkit", peers),
  ];
  return execFileSync("unshare", ["-m", "sh", "-c", line, "sh", ...argv], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
}

function tools(bpfkit: string, folder: string | undefined): string[] {
  const own = `bpfkit=${bpfkit} trace`;
  return peers === undefined ? [own] : [own, `bpftrace=${folder}/bin/bpftrace`];
}

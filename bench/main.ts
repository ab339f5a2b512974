// npm run bench -- [--kernel 6.12] [--sections start,size,cost,output] [--rounds 5] [--events 1000000]
//                  [--peers FOLDER] [--bpftrace PATH-IN-GUEST] [-f json]
// Measures bpfkit beside bpftrace in one guest. FOLDER holds bin/bpftrace, as BPFKIT_PEERS does.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guest } from "../test/guest/guest.ts";
import { isKernelName } from "../test/guest/kernels.ts";
import { repository } from "../test/guest/repository.ts";
import { reportText, type Report } from "./report.ts";

const { values } = parseArgs({
  options: {
    kernel: { type: "string", default: "6.12" },
    sections: { type: "string", default: "start,size,cost,output" },
    rounds: { type: "string", default: "5" },
    events: { type: "string", default: "1000000" },
    peers: { type: "string" },
    format: { type: "string", short: "f", default: "text" },
  },
});
if (!isKernelName(values.kernel)) throw new Error(`no guest kernel ${values.kernel}`);
const peers = values.peers ?? process.env["BPFKIT_PEERS"];
const root = repository();
await using guest = await Guest.boot(values.kernel, {
  peers,
  memory: 3072,
  folders: [
    { from: join(root, "bench", "scripts"), to: "bpfkit/bench/scripts" },
    { from: join(root, ".cache", "tools"), to: "bpfkit/.cache/tools" },
  ],
});
const tools = ["bpfkit=./bpfkit trace", ...(peers === undefined ? [] : ["bpftrace=/peers/bin/bpftrace"])];
const { stdout, stderr, code } = await guest.run(
  ["node", ".cache/tools/bench/inside.js", values.sections, values.rounds, values.events, ...tools],
  { timeout: 3_000_000 },
);
if (code === 0) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- inside.ts wrote it
  const report = JSON.parse(stdout) as Report;
  console.log(values.format === "json" ? JSON.stringify(report, null, 2) : reportText(report));
} else {
  console.error(stderr);
  process.exitCode = 1;
}

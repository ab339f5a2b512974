// npm run peers:bpftool -- --peers DIR [--kernels 5.10,6.12] [--only REGEX] [--verbose]: bpfkit's and bpftool's
// answers, in guests; --only takes the command lines that match.
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guest } from "../../guest/guest.ts";
import type { GuestProcess } from "../../guest/guest.ts";
import { isKernelName, kernelModules, KERNELS } from "../../guest/kernels.ts";
import { repository } from "../../guest/repository.ts";
import { compileObjects } from "./compile.ts";
import { MEANT_DIFFERENCES } from "./differences.ts";
import { renderReport } from "./report.ts";
import type { GuestReport } from "./report.ts";

const EFFECT_DRIVER = "test/peers/bpftool/effect-driver.mjs";
const TIMEOUT = 900_000;

const { values } = parseArgs({
  options: {
    peers: { type: "string", default: process.env["BPFKIT_PEERS"] ?? "" },
    kernels: { type: "string", default: Object.keys(KERNELS).join(",") },
    only: { type: "string", default: "" },
    verbose: { type: "boolean", default: false },
  },
});
if (!existsSync(join(values.peers, "bin", "bpftool"))) {
  console.error(
    "usage: npm run peers:bpftool -- --peers DIR [--kernels LIST] [--only REGEX] [--verbose]: DIR holds bin/bpftool",
  );
  process.exit(1);
}

const folder = mkdtempSync(join(tmpdir(), "bpfkit-peers-"));
try {
  try {
    compileObjects(folder);
  } catch (error) {
    console.log(`Typed maps, source lines and what commands change are not compared: ${String(error)}`);
  }
  let different = 0;
  for (const name of values.kernels.split(",")) {
    // oxlint-disable-next-line no-await-in-loop -- a guest at a time
    const report = await inGuest(name, folder);
    different += report.verdicts.filter(({ result }) => result === "different").length;
    process.stdout.write(renderReport(report, values.verbose));
  }
  console.log("Differences that are meant:");
  for (const { what, why } of MEANT_DIFFERENCES) console.log(`  ${what}: ${why}`);
  console.log(`${different} other differences`);
  process.exitCode = different === 0 ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function inGuest(name: string, objects: string): Promise<GuestReport> {
  if (!isKernelName(name)) throw new Error(`No kernel ${name}: ${Object.keys(KERNELS).join(", ")}`);
  await using guest = await Guest.boot(name, {
    peers: values.peers,
    folders: [
      { from: join(repository(), ".cache", "tools"), to: "bpfkit/.cache/tools" },
      { from: kernelModules(name), to: "modules" },
      { from: objects, to: "objects" },
      { from: join(repository(), EFFECT_DRIVER), to: EFFECT_DRIVER },
    ],
  });
  const program = "/bpfkit/.cache/tools/test/peers/bpftool/guest.js";
  const running = guest.start(
    ["node", program, "/peers/bin/bpftool", values.only, "/modules", "/objects", `/${EFFECT_DRIVER}`],
    { timeout: TIMEOUT },
  );
  using _progress = values.verbose ? showProgress(running) : undefined;
  const { stdout, stderr, code } = await running.end;
  if (code !== 0) throw new Error(`guest ${name} ended with ${code}: ${stderr}${stdout.slice(-2000)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own program wrote it
  return JSON.parse(stdout) as GuestReport;
}

/** Passes on what the guest's program says of its progress. */
function showProgress(running: GuestProcess): Disposable {
  let shown = 0;
  const timer = setInterval(() => {
    const { stderr } = running;
    process.stderr.write(stderr.slice(shown));
    shown = stderr.length;
  }, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

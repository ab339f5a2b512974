// npm run peers:strace -- --peers DIR [--kernels 6.12] [--only REGEX]: the lines of bpfkit's and of DIR's strace for
// the same commands in a guest, where anything may be attached to; DIR holds bin/strace, bin/bpftool and bin/bpftrace.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Guest } from "../../guest/guest.ts";
import { isKernelName } from "../../guest/kernels.ts";
import { repository } from "../../guest/repository.ts";
import { commands, guestCommands, SOURCE } from "./commands.ts";
import { comparable } from "./lines.ts";

const TIMEOUT = 180_000;
const FOLDER = "/tmp/strace";
const OPTIONS = ["-v", "-f", "-e", "bpf,perf_event_open"];

const { values } = parseArgs({
  options: {
    peers: { type: "string", default: process.env["BPFKIT_PEERS"] ?? "" },
    kernels: { type: "string", default: "6.12" },
    only: { type: "string", default: "" },
  },
});
if (!existsSync(join(values.peers, "bin", "strace"))) {
  console.error(
    "usage: npm run peers:strace -- --peers DIR [--kernels LIST] [--only REGEX]: DIR holds bin/strace",
  );
  process.exit(1);
}

const object = build();
const only = new RegExp(values.only);
let different = 0;
for (const kernel of values.kernels.split(",")) {
  if (!isKernelName(kernel)) throw new Error(`no guest kernel ${kernel}`);
  // oxlint-disable-next-line no-await-in-loop -- a guest at a time
  different += await inGuest(kernel);
}
process.exitCode = different === 0 ? 0 : 1;

function build(): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-strace-"));
  try {
    const [source, output] = [join(folder, "k.bt"), join(folder, "k.o")];
    writeFileSync(source, SOURCE);
    execFileSync(process.execPath, ["dist/bin/bpfkit.js", "build", source, "-o", output], {
      cwd: repository(),
    });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How many commands' lines differ. */
async function inGuest(kernel: Parameters<typeof Guest.boot>[0]): Promise<number> {
  await using guest = await Guest.boot(kernel, { peers: values.peers, memory: 3072 });
  await guest.shell(`mkdir -p ${FOLDER}/fs && mount -t bpf bpf ${FOLDER}/fs`);
  await guest.write(`${FOLDER}/k.o`, object);
  const all = Object.entries({ ...commands("/peers/bin"), ...guestCommands("/peers/bin", "/bpfkit/bpfkit") });
  const chosen = all.filter(([name]) => only.test(name));
  let wrong = 0;
  for (const [name, command] of chosen) {
    // oxlint-disable-next-line no-await-in-loop -- one command after another
    const theirs = await trace(guest, ["/peers/bin/strace"], command);
    // oxlint-disable-next-line no-await-in-loop -- as above
    const [expected, found] = comparable(theirs, await trace(guest, ["/bpfkit/bpfkit", "strace"], command));
    const at = expected.findIndex((line, index) => line !== found[index]);
    const same = at < 0 && expected.length === found.length;
    if (!same) wrong++;
    console.log(`${kernel}  ${same ? "equal    " : "DIFFERENT"} ${expected.length - 1} lines  ${name}`);
    if (!same) console.log(`  strace: ${expected.at(at)}\n  bpfkit: ${found.at(at)}`);
  }
  console.log(`${kernel}  ${chosen.length - wrong} of ${chosen.length} commands equal`);
  return wrong;
}

async function trace(guest: Guest, tracer: readonly string[], command: readonly string[]): Promise<string> {
  const argv = [...tracer, ...OPTIONS, "-o", `${FOLDER}/calls.txt`, "--", ...command];
  const { timedOut } = await guest.run(argv, { cwd: FOLDER, timeout: TIMEOUT });
  if (timedOut) throw new Error(`${argv.join(" ")} did not end`);
  return (await guest.read(`${FOLDER}/calls.txt`)).toString("latin1");
}

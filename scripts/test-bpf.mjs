// npm run test-bpf -- FILE: runs the eBPF cases of the kernel's lib/test_bpf.c, given as lines of JSON:
// {name, data (hexadecimal), tests: [[size of the data used, expected low half of r0], …], insns (hexadecimal)}.
import { existsSync, readFileSync } from "node:fs";
import { ensureBuilt, ensureInstalled } from "./setup.mjs";

process.exitCode = await main(process.argv[2]);

async function main(file) {
  if (!file || !existsSync(file)) {
    console.log("skipped: give the file with the cases");
    return 0;
  }
  ensureInstalled();
  ensureBuilt();
  const [{ decode }, { Machine }] = await Promise.all([
    import("../dist/isa/index.js"),
    import("../dist/kernel/embedded/vm/index.js"),
  ]);
  const cases = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  let status = 0;
  for (const mode of ["jit", "interpreter"]) {
    let passed = 0;
    for (const { name, data, tests, insns } of cases) {
      const problem = run(decode, Machine, mode, { data, tests, insns });
      if (problem === undefined) passed++;
      else console.log(`${mode}: ${name}: ${problem}`);
    }
    console.log(`${mode}: ${passed} of ${cases.length} passed`);
    if (passed < cases.length) status = 1;
  }
  return status;
}

function run(decode, Machine, mode, { data, tests, insns }) {
  const packet = Buffer.from(data, "hex");
  try {
    const machine = new Machine();
    const program = machine.load(decode(Uint8Array.from(Buffer.from(insns, "hex"))), mode);
    const context = machine.allocate(packet.length);
    for (const [, expected] of tests) {
      machine.bytes(context, packet.length).set(packet);
      const result = Number(program.run(context) & 0xffffffffn);
      if (result !== expected) return `gives ${result}, not ${expected}`;
    }
  } catch (error) {
    return error.message;
  }
  return undefined;
}

// npm run guest -- KERNEL [-- COMMAND...]: one command, or a shell, in a guest.
// npm run guest -- KERNEL --btf: prints the path of that kernel's BTF.
import { bootShell, Guest } from "./guest.ts";
import { isKernelName, KERNELS } from "./kernels.ts";
import { kernelBtf } from "./types.ts";

const [kernel, ...rest] = process.argv.slice(2);
const command = rest[0] === "--" ? rest.slice(1) : rest;
const peers = process.env["BPFKIT_PEERS"];
if (kernel === undefined || !isKernelName(kernel)) {
  console.error(`usage: npm run guest -- ${Object.keys(KERNELS).join("|")} [--btf | -- COMMAND...]`);
  process.exitCode = 1;
} else if (command.length === 0) {
  process.exitCode = bootShell(kernel, { peers });
} else if (command[0] === "--btf") {
  console.log(await kernelBtf(kernel));
} else {
  await using guest = await Guest.boot(kernel, { peers });
  const result = await guest.run(command, { timeout: 600_000 });
  process.stdout.write(result.stdout);
  process.stderr.write(result.stderr);
  process.exitCode = result.code ?? 1;
}

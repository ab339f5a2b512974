// npm run peers:btf -- --peers DIR [--kernels 5.10,6.12|none] [--verbose] [FILE|FOLDER]...: `btf dump` in every
// format by bpfkit and by bpftool, byte for byte, on the types of the guests' kernels, of this machine's, and of
// all files that are given or lie in the folders: raw BTF, and ELF files, those without types too.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { KERNELS, isKernelName } from "../../guest/kernels.ts";
import { kernelBtf } from "../../guest/types.ts";
import { bpfkitDump, bpftoolDump, compare, FORMATS } from "./dumps.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";
const { values, positionals } = parseArgs({
  options: {
    peers: { type: "string", default: process.env["BPFKIT_PEERS"] ?? "" },
    kernels: { type: "string", default: Object.keys(KERNELS).join(",") },
    verbose: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const bpftool = join(values.peers, "bin", "bpftool");
if (!existsSync(bpftool)) {
  console.error(
    "usage: npm run peers:btf -- --peers DIR [--kernels LIST|none] [FILE|FOLDER]...: DIR holds bin/bpftool",
  );
  process.exit(1);
}

let [files, dumps, refused] = [0, 0, 0];
const different: string[] = [];
for (const { what, path } of [...(await kernels()), ...positionals.flatMap(typeFiles)]) {
  files++;
  for (const format of FORMATS) {
    const theirs = bpftoolDump(bpftool, path, format);
    // oxlint-disable-next-line no-await-in-loop -- one dump at a time
    const ours = await bpfkitDump(path, format);
    dumps++;
    if (theirs.code !== 0 && theirs.code === ours.code) refused++;
    const difference = compare(format, theirs, ours);
    if (difference !== undefined) different.push(`${what}: ${format.name}: ${difference}`);
    if (values.verbose)
      console.log(`${what}: ${format.name}: ${difference ?? `${theirs.bytes.length} bytes, ${theirs.code}`}`);
  }
}
for (const line of different) console.log(`DIFFERENT ${line}`);
console.log(
  `${files} files, ${dumps} dumps: ${dumps - different.length} equal (${refused} of them refused by both), ${different.length} different`,
);
process.exitCode = different.length === 0 ? 0 : 1;

async function kernels(): Promise<{ readonly what: string; readonly path: string }[]> {
  const found = existsSync(VMLINUX) ? [{ what: "this kernel", path: VMLINUX }] : [];
  for (const name of values.kernels === "none" ? [] : values.kernels.split(",")) {
    if (!isKernelName(name)) throw new Error(`no guest kernel ${name}`);
    // oxlint-disable-next-line no-await-in-loop -- a guest at a time
    found.push({ what: `Linux ${name}`, path: await kernelBtf(name) });
  }
  return found;
}

/** Raw BTF and ELF files, by their first bytes. */
function typeFiles(path: string): { readonly what: string; readonly path: string }[] {
  if (statSync(path).isDirectory())
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() || entry.isFile())
      .flatMap(({ name }) => typeFiles(join(path, name)));
  const magic = readFileSync(path).subarray(0, 4).toString("hex");
  return /^(9feb|eb9f|7f454c46)/.test(magic) ? [{ what: basename(path), path }] : [];
}

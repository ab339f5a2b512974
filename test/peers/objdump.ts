import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Path of the peers' objdump, if there is one. */
export function peerObjdump(): string | undefined {
  const peers = process.env["BPFKIT_PEERS"];
  const path = peers === undefined ? undefined : join(peers, "bin", "objdump");
  return path !== undefined && existsSync(path) ? path : undefined;
}

/** objdump's lines as `offset: mnemonic operands`, spaces made one. */
export function objdumpLines(objdump: string, bytes: Uint8Array, address: bigint): string[] {
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-machine-"));
  try {
    const file = join(folder, "image");
    writeFileSync(file, bytes);
    const vma = `--adjust-vma=0x${address.toString(16)}`;
    const args = ["-D", "-w", "-b", "binary", "-m", "i386:x86-64", vma, file];
    const text = spawnSync(objdump, args, { encoding: "latin1", maxBuffer: 1 << 28 }).stdout;
    return [...text.matchAll(/^\s*([0-9a-f]+):\t[0-9a-f ]+\t(.*)$/gm)].map(([, place, words]) => {
      const offset = BigInt(`0x${place}`) - address;
      return `${offset.toString(16)}: ${words!.trim().replaceAll(/\s+/g, " ")}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

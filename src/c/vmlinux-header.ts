import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { btfFromFile, cHeader } from "../btf/index.ts";

/** A folder with a file `vmlinux.h`. */
export interface HeaderFolder extends Disposable {
  readonly path: string;
}

/** Raised when the header that is made of the same types changes. */
const FORMAT = 1;

/**
 * The types of a kernel as `vmlinux.h`, kept below XDG_CACHE_HOME by the hash of its BTF: making it takes a
 * quarter of a second. Where nothing can be kept it is made in a temporary folder, and removed on disposal.
 * @throws BtfError
 */
export function vmlinuxHeader(btf: Uint8Array): HeaderFolder {
  const hash = createHash("sha256").update(btf).digest("hex").slice(0, 32);
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "bpfkit", "vmlinux");
  const path = join(cache, `${hash}-${FORMAT}`);
  if (existsSync(join(path, "vmlinux.h"))) return { path, [Symbol.dispose]: () => undefined };
  const text = cHeader(btfFromFile(btf));
  try {
    mkdirSync(path, { recursive: true });
    // Several may write it at once: each puts the whole file in place.
    const own = join(path, `vmlinux.h.${process.pid}`);
    writeFileSync(own, text);
    renameSync(own, join(path, "vmlinux.h"));
    return { path, [Symbol.dispose]: () => undefined };
  } catch {
    return temporaryHeader(text);
  }
}

function temporaryHeader(text: string): HeaderFolder {
  const path = mkdtempSync(join(tmpdir(), "bpfkit-"));
  writeFileSync(join(path, "vmlinux.h"), text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

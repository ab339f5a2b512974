/** One file of an initramfs. Paths are relative to its root, as `usr/bin/env`. */
export type CpioEntry =
  | { readonly path: string; readonly kind: "directory"; readonly mode?: number }
  | { readonly path: string; readonly kind: "file"; readonly mode?: number; readonly bytes: Uint8Array }
  | { readonly path: string; readonly kind: "symlink"; readonly target: string };

const FILE_TYPE = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const;
const DEFAULT_MODE = { directory: 0o755, file: 0o644, symlink: 0o777 } as const;

/**
 * An archive in the format "newc" that the kernel unpacks as its initramfs; archives may follow each
 * other (Documentation/driver-api/early-userspace/buffer-format.rst). Parent directories are added.
 */
export function cpio(entries: readonly CpioEntry[]): Buffer {
  const chunks: Buffer[] = [];
  let inode = 1;
  for (const entry of withParents(entries)) {
    const body = entry.kind === "symlink" ? Buffer.from(entry.target) : contents(entry);
    const mode = FILE_TYPE[entry.kind] | modeOf(entry);
    chunks.push(header(entry.path, inode++, mode, body.length), pad(body));
  }
  chunks.push(header("TRAILER!!!", 0, 0, 0));
  return Buffer.concat(chunks);
}

function contents(entry: CpioEntry): Buffer {
  if (entry.kind !== "file") return Buffer.alloc(0);
  return Buffer.from(entry.bytes.buffer, entry.bytes.byteOffset, entry.bytes.byteLength);
}

function modeOf(entry: CpioEntry): number {
  return (entry.kind === "symlink" ? undefined : entry.mode) ?? DEFAULT_MODE[entry.kind];
}

/** Each directory once, before what lies in it: the kernel makes none by itself. */
function withParents(entries: readonly CpioEntry[]): CpioEntry[] {
  const seen = new Set(entries.filter(({ kind }) => kind === "directory").map(({ path }) => path));
  const result: CpioEntry[] = entries.filter(({ kind }) => kind === "directory");
  for (const { path } of entries) {
    const parts = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= parts.length; depth++) {
      const parent = parts.slice(0, depth).join("/");
      if (!seen.has(parent)) result.push({ path: parent, kind: "directory" });
      seen.add(parent);
    }
  }
  result.sort((a, b) => a.path.split("/").length - b.path.split("/").length);
  return [...result, ...entries.filter(({ kind }) => kind !== "directory")];
}

function header(path: string, inode: number, mode: number, size: number): Buffer {
  const links = (mode & 0o170000) === FILE_TYPE.directory ? 2 : 1;
  const name = Buffer.from(`${path}\0`);
  const fields = [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name.length, 0];
  const text = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  return pad(Buffer.concat([Buffer.from(`070701${text}`), name]));
}

function pad(bytes: Buffer): Buffer {
  const rest = bytes.length % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4 - rest)]);
}

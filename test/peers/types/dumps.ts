import { spawnSync } from "node:child_process";
import { runTool } from "../../../src/bpftool/index.ts";

const MOST_OUTPUT = 1 << 28;

/** Options in front, words behind, and words for bpfkit alone. */
export const FORMATS = [
  { name: "raw", options: [], words: [], own: [] },
  { name: "JSON", options: ["-j"], words: [], own: [] },
  { name: "pretty", options: ["-p"], words: [], own: [] },
  { name: "C", options: [], words: ["format", "c"], own: ["exact"] },
  { name: "C unsorted", options: [], words: ["format", "c", "unsorted"], own: ["exact"] },
] as const;
export type Format = (typeof FORMATS)[number];

export interface Answer {
  readonly bytes: Buffer;
  readonly code: number;
}

const SIGN = 0xffff_ffff_0000_0000n;

export function bpftoolDump(bpftool: string, path: string, { options, words }: Format): Answer {
  const { stdout, status } = spawnSync(bpftool, [...options, "btf", "dump", "file", path, ...words], {
    maxBuffer: MOST_OUTPUT,
  });
  return { bytes: stdout, code: status ?? -1 };
}

export async function bpfkitDump(path: string, { options, words, own }: Format): Promise<Answer> {
  const pieces: Buffer[] = [];
  const code = await runTool([...options, "btf", "dump", "file", path, ...words, ...own], {
    openKernel: async () => Promise.reject(new Error("files need no kernel")),
    out: (text) => void pieces.push(Buffer.from(text)),
    err: () => undefined,
  });
  return { bytes: Buffer.concat(pieces), code };
}

/** Undefined where they are equal. */
export function compare(format: Format, theirs: Answer, ours: Answer): string | undefined {
  if (theirs.code !== ours.code) return `bpftool ends with ${theirs.code}, bpfkit with ${ours.code}`;
  // What is printed before an error is found is no answer; the texts of errors are compared elsewhere.
  if (theirs.code !== 0) return undefined;
  const meant = format.options.length > 0 ? unsigned(theirs.bytes) : theirs.bytes;
  if (meant.equals(ours.bytes)) return undefined;
  const length = Math.min(meant.length, ours.bytes.length);
  let at = 0;
  while (at < length && meant[at] === ours.bytes[at]) at++;
  const around = (bytes: Buffer): string =>
    JSON.stringify(bytes.subarray(Math.max(0, at - 40), at + 40).toString());
  return `at byte ${at}: ${around(meant)} became ${around(ours.bytes)}`;
}

/** bpftool's JSON extends the sign of unsigned 32-bit enumerators to 64 bits, which bpfkit does not (docs/bpftool.md). */
function unsigned(json: Buffer): Buffer {
  const enums = /"kind": ?"ENUM",\s*"name": ?"[^"]*",\s*"encoding": ?"UNSIGNED"[^\]]*\]/g;
  return Buffer.from(
    json
      .toString("latin1")
      .replace(enums, (text) =>
        text.replace(/("val": ?)(\d{20})\b/g, (_, label: string, value: string) =>
          BigInt(value) > SIGN ? `${label}${BigInt(value) - SIGN}` : `${label}${value}`,
        ),
      ),
    "latin1",
  );
}

import { expect, test } from "vitest";
import { cpio } from "./cpio.ts";

interface Member {
  readonly name: string;
  readonly mode: string;
  readonly body: string;
}

/** Reads what cpio() wrote, by the format's own rules. */
function read(archive: Buffer): Member[] {
  const members: Member[] = [];
  for (let at = 0; at < archive.length;) {
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number): number =>
      parseInt(archive.toString("latin1", at + 6 + 8 * index, at + 14 + 8 * index), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const name = archive.toString("utf8", at + 110, at + 110 + nameSize - 1);
    const start = align(at + 110 + nameSize);
    members.push({ name, mode: mode.toString(8), body: archive.toString("utf8", start, start + size) });
    at = align(start + size);
  }
  return members;
}

function align(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}

test("cpio() writes files, links and the folders they need, in an order that can be unpacked", () => {
  const archive = cpio([
    { path: "usr/bin/tool", kind: "file", mode: 0o755, bytes: Buffer.from("#!") },
    { path: "bin", kind: "symlink", target: "usr/bin" },
    { path: "usr/bin", kind: "directory" },
  ]);
  expect(read(archive)).toEqual([
    { name: "usr", mode: "40755", body: "" },
    { name: "usr/bin", mode: "40755", body: "" },
    { name: "usr/bin/tool", mode: "100755", body: "#!" },
    { name: "bin", mode: "120777", body: "usr/bin" },
    { name: "TRAILER!!!", mode: "0", body: "" },
  ]);
});

test("cpio() archives can follow each other", () => {
  const one = cpio([{ path: "a", kind: "file", bytes: Buffer.from("x") }]);
  const two = cpio([{ path: "b", kind: "file", bytes: Buffer.from("yyyyy") }]);
  expect(read(Buffer.concat([one, two])).map(({ name }) => name)).toEqual([
    "a",
    "TRAILER!!!",
    "b",
    "TRAILER!!!",
  ]);
});

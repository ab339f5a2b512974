import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { BtfError, BtfKind, parseBtf } from "./index.ts";

const vmlinuxPath = "/sys/kernel/btf/vmlinux";

describe.skipIf(!existsSync(vmlinuxPath))("the running kernel's BTF", () => {
  const btf = parseBtf(readFileSync(vmlinuxPath));

  test("names lead to types and back", () => {
    const id = btf.findByName("task_struct", BtfKind.Struct)!;
    expect(btf.name(id)).toBe("task_struct");
    expect(btf.kindName(id)).toBe("STRUCT");
    const pid = btf.members(id).find((member) => member.name === "pid")!;
    expect(pid.bitOffset % 32).toBe(0);
    expect(btf.size(pid.type)).toBe(4);
    expect(btf.name(btf.resolve(pid.type))).toBe("int");
    expect(btf.findByName("no such type")).toBeUndefined();
    expect(btf.findByName("")).toBeUndefined();
  });

  test("functions have prototypes", () => {
    const func = btf.findByName("vfs_read", BtfKind.Func)!;
    const proto = btf.target(func);
    expect(btf.params(proto).map(({ name }) => name)).toEqual(["file", "buf", "count", "pos"]);
  });

  test("enumerators are found across enums", () => {
    expect(btf.findEnumerator("TCP_SYN_SENT")?.value).toBe(2n);
    expect(btf.findEnumerator("NO_SUCH_ENUMERATOR")).toBeUndefined();
  });

  test("every type's name is found again", () => {
    for (let id = 1; id < btf.typeCount; id += 997) {
      const name = btf.name(id);
      if (name !== "") expect(btf.findAllByName(name, btf.kind(id))).toContain(id);
    }
  });
});

test("bytes that are not BTF are refused", () => {
  expect(() => parseBtf(new Uint8Array(64))).toThrow(BtfError);
  expect(() => parseBtf(new Uint8Array(3))).toThrow(BtfError);
});

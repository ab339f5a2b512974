import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BtfBuilder } from "../../src/btf/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { countingObject } from "../attach/counting-object.ts";
import { onEmbedded, openTestKernel } from "./test-kernel.ts";

test("a file of types answers relocations, not what the kernel is told by id", async (context) => {
  const usual = onEmbedded ? undefined : await openTestKernel();
  if (!usual || !existsSync("/sys/kernel/btf/vmlinux"))
    return context.skip("no kernel with types of its own");
  usual[Symbol.dispose]();
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-types-"));
  try {
    const types = new BtfBuilder();
    types.signedInt("int", 4);
    const file = join(folder, "small.btf");
    writeFileSync(file, types.encode());
    using kernel = await openKernel({ kernel: "linux", btf: file });
    // A tracepoint is named by its type's id.
    using object = loadObject(countingObject([{ section: "tp_btf/sched_switch" }]), { kernel });
    expect([...object.programs.keys()]).toEqual(["count_0"]);
    expect(kernel.files.btf()).toHaveLength(types.encode().length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseBtf } from "../../src/btf/index.ts";
import { runTool } from "../../src/bpftool/index.ts";
import { BpfkitError } from "../../src/errors.ts";
import { programCode } from "../../src/inspect/index.ts";
import { loadObject } from "../../src/loader/index.ts";
import { fromElf } from "../../src/object/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { openTestKernel } from "../conformance/test-kernel.ts";

const VMLINUX = "/sys/kernel/btf/vmlinux";
const objects = process.env["BPFKIT_OBJECTS"];
const TIMEOUT = 300_000;

/** BPFKIT_OBJECTS=FOLDER npx vitest run test/peers/minimized-types.test.ts */
test(
  "objects become the same programs by the types that `gen min_core_btf` leaves",
  async (context) => {
    if (objects === undefined) return context.skip("BPFKIT_OBJECTS names no folder of objects");
    const kernel = await openTestKernel();
    if (!kernel) return context.skip("no bpf(2)");
    kernel[Symbol.dispose]();
    const folder = mkdtempSync(join(tmpdir(), "bpfkit-minimized-"));
    try {
      let loaded = 0;
      for (const name of readdirSync(objects).filter((file) => file.endsWith(".o"))) {
        const [object, small] = [join(objects, name), join(folder, "small.btf")];
        // oxlint-disable-next-line no-await-in-loop -- one object at a time
        const code = await minimize(object, small);
        if (code !== 0) continue;
        expect(parseBtf(readFileSync(small)).typeCount).toBeLessThan(2000);
        // oxlint-disable-next-line no-await-in-loop -- as above
        const [whole, part] = [await outcome(object), await outcome(object, small)];
        expect(part, name).toEqual(whole);
        if (typeof whole !== "string") loaded++;
      }
      console.log(`${loaded} objects load, by all types and by their part, as the same instructions`);
      expect(loaded).toBeGreaterThan(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  TIMEOUT,
);

async function minimize(object: string, output: string): Promise<number> {
  writeFileSync(output, "");
  return runTool(["gen", "min_core_btf", VMLINUX, output, object], {
    openKernel: async () => Promise.reject(new Error("files need no kernel")),
    out: () => undefined,
    err: () => undefined,
  });
}

/** The programs' instructions as the kernel shows them, without ids of maps; or why they are refused. */
async function outcome(object: string, btf?: string): Promise<string | (readonly unknown[])[]> {
  using kernel = await openKernel({ kernel: "linux", ...(btf !== undefined && { btf }) });
  try {
    using loaded = loadObject(fromElf(readFileSync(object)).spec, { kernel });
    return [...loaded.programs.values()].map(({ name, fd }) => [
      name,
      programCode(kernel, fd).insns.map((insn) => (insn.code === LDIMM64 ? { ...insn, imm: 0 } : insn)),
    ]);
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    return error.message;
  }
}

/** Loads an address or a map. */
const LDIMM64 = 0x18;

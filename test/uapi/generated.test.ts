import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { CACHE } from "../guest/kernels.ts";
import { repository } from "../guest/repository.ts";

// The generated constants come from the newest kernel; its BTF is in the guests' cache once it has run.
const btf = join(CACHE, "btf", "7.2");
const known = existsSync(btf);
if (!known) console.log(`skipped: no BTF of Linux 7.2 at ${btf}; \`npm run guest -- 7.2 --btf\` fetches it`);

describe.skipIf(!known)("src/uapi/generated", () => {
  test("is what the script writes from Linux 7.2's BTF", () => {
    const script = join(repository(), "scripts", "generate-uapi.mjs");
    const { status, stderr } = spawnSync(process.execPath, [script, "--btf", btf, "--check"], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

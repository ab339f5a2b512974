import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { Guest } from "../guest.ts";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";
import { withoutClang } from "./examples.ts";

/** Loads a program, replaces its function, and takes the replacement off; prints the results of test runs. */
const SCRIPT = `
import { readFileSync } from "node:fs";
import { attachAll } from "/bpfkit/dist/attach/index.js";
import { Features, loadObject } from "/bpfkit/dist/loader/index.js";
import { fromElf } from "/bpfkit/dist/object/index.js";
import { openKernel } from "/bpfkit/dist/open-kernel.js";

const kernel = await openKernel();
const read = (name) => fromElf(readFileSync("/tmp/" + name + ".bpf.o")).spec;
const target = loadObject(read("replaced"), { kernel });
const filter = target.programs.get("filter");
const run = () => kernel.bpf("PROG_TEST_RUN", { prog_fd: filter.fd, data_in: new Uint8Array(64) }).retval;
const results = [run()];
const extension = loadObject(read("replacement"), { kernel, targets: new Map([["drop", filter.fd]]) });
const attached = attachAll({ kernel, features: new Features(kernel) }, extension);
results.push(run());
attached[Symbol.dispose]();
results.push(run());
console.log(results.join(" "));
`;

export const replacing: readonly Scenario[] = [
  {
    name: "a program's function is replaced by another program",
    skip: () => withoutClang(),
    run: async (guest: Guest) => {
      const root = repository();
      const out = mkdtempSync(join(tmpdir(), "bpfkit-freplace-"));
      try {
        for (const name of ["replaced", "replacement"]) {
          const [source, object] = [join(root, "test/attach", `${name}.bpf.c`), join(out, `${name}.bpf.o`)];
          execFileSync(process.execPath, ["dist/bin/bpfkit.js", "cc", source, "-o", object], { cwd: root });
          await guest.write(`/tmp/${name}.bpf.o`, readFileSync(object));
        }
      } finally {
        rmSync(out, { recursive: true, force: true });
      }
      await guest.write("/tmp/freplace.mjs", Buffer.from(SCRIPT));
      // XDP_PASS, XDP_DROP, XDP_PASS.
      expect(await guest.shell("node /tmp/freplace.mjs")).toBe("2 1 2\n");
    },
  },
];

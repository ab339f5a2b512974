import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { kernelModules } from "../kernels.ts";
import { objectOf, scriptOf } from "../programs.ts";
import { repository } from "../repository.ts";
import { isSince } from "../scenario.ts";
import type { Scenario } from "../scenario.ts";
import { withoutClang } from "./examples.ts";

const PROGRAMS = join(repository(), "test", "guest", "programs");

/** What test/guest/programs/hooks.ts says of a program. */
interface Answer {
  readonly program: string;
  /** Why it could not be hooked in. */
  readonly absent?: string;
  readonly untyped?: true;
  readonly updated?: string;
  readonly detached?: string;
  readonly leaked: number;
}

/** Milliseconds; an emulated machine that shares its processor is slow. */
const TIMEOUT = 150_000;

/** Kinds that a guest's kernel may be without, and what is said then. */
const MAY_LACK: Readonly<Record<string, RegExp>> = {
  infrared: /PROG_LOAD.*EINVAL/,
};
/** Kinds whose links take another program, and can be ended for good. */
const UPDATED = /^(cgroup_|socket_events|lsm_cgroup|lookup|packets|tcx_|netkit_)/;

export const hooks: readonly Scenario[] = [
  {
    name: "every kind of hook goes on and off, is pinned, updated and detached",
    skip: () => withoutClang(),
    run: async (guest) => {
      await guest.write("/tmp/hooks.bpf.o", objectOf(join(PROGRAMS, "hooks.bpf.c")));
      await guest.write("/bpfkit/hooks.js", scriptOf(join(PROGRAMS, "hooks.ts")));
      for (const module of ["sch_ingress", "cls_bpf"]) {
        await guest.write(
          `/tmp/${module}.ko`,
          readFileSync(join(kernelModules(guest.kernel), `${module}.ko`)),
        );
        await guest.shell(`insmod /tmp/${module}.ko`);
      }
      const { stdout, stderr, code } = await guest.run(["node", "/bpfkit/hooks.js", "/tmp/hooks.bpf.o"], {
        timeout: TIMEOUT,
      });
      expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
      const answers = stdout
        .trimEnd()
        .split("\n")
        .map((line): Answer => JSON.parse(line));
      expect(answers.length).toBeGreaterThan(30);
      for (const answer of answers) {
        const { program, absent, updated, detached } = answer;
        expect(answer).toMatchObject({ program, leaked: 0 });
        expect(answer).not.toHaveProperty("untyped");
        // Whatever was tried and is yes or no: on, kept by its pin, changed by an update, ended, off, the cookie.
        expect(Object.entries(answer).filter(([, value]) => value === false)).toEqual([]);
        if (absent !== undefined) console.log(`guest ${guest.kernel} has no ${program}: ${absent}`);
        if (absent !== undefined && isSince(guest, "6.12"))
          expect(absent, program).toMatch(MAY_LACK[program] ?? "no reason");
        if (absent === undefined && UPDATED.test(program))
          expect({ program, updated, detached }).toEqual({ program, updated: "yes", detached: "yes" });
      }
    },
  },
];

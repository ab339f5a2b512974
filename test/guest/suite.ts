import { afterAll, beforeAll, describe, test } from "vitest";
import { Guest } from "./guest.ts";
import type { KernelName } from "./kernels.ts";
import type { Scenario } from "./scenario.ts";
import { attachment } from "./scenarios/attach.ts";
import { effects } from "./scenarios/effects.ts";
import { embedded } from "./scenarios/embedded.ts";
import { errors } from "./scenarios/errors.ts";
import { examples } from "./scenarios/examples.ts";
import { replacing } from "./scenarios/freplace.ts";
import { hooks } from "./scenarios/hooks.ts";
import { library } from "./scenarios/library.ts";
import { machineCode } from "./scenarios/machine-code.ts";
import { mainJob } from "./scenarios/main-job.ts";
import { probes } from "./scenarios/probes.ts";
import { programs } from "./scenarios/programs.ts";
import { recordings } from "./scenarios/recordings.ts";
import { running } from "./scenarios/run.ts";
import { sessions } from "./scenarios/sessions.ts";
import { Unavailable } from "./unavailable.ts";

const BOOT = 600_000;
const SCENARIO = 180_000;
const EVERYWHERE: Readonly<Record<string, readonly Scenario[]>> = {
  mainJob,
  probes,
  sessions,
  attachment,
  running,
  programs,
  machineCode,
};
/** Set: everything on every kernel. */
const ALL = process.env["BPFKIT_GUEST_ALL"] !== undefined;
/** What does not depend on the kernel is seen on one. */
const ONCE: Readonly<Record<string, readonly Scenario[]>> = {
  errors,
  effects,
  examples,
  replacing,
  library,
  hooks,
  recordings,
  // Its last one lets nobody trace any more.
  embedded,
};
const ONCE_ON: KernelName = "6.12";

/** Boots one kernel once and runs its scenarios in it. */
export function guestSuite(kernel: KernelName): void {
  describe(`guest ${kernel}`, () => {
    let guest: Guest | undefined;
    let unavailable = "";

    beforeAll(async () => {
      try {
        guest = await Guest.boot(kernel);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        unavailable = error.message;
      }
    }, BOOT);

    afterAll(async () => {
      await guest?.[Symbol.asyncDispose]();
    });

    for (const [section, scenarios] of Object.entries(
      ALL || kernel === ONCE_ON ? { ...EVERYWHERE, ...ONCE } : EVERYWHERE,
    ))
      describe(section, () => {
        for (const { name, skip, run } of scenarios)
          test(
            name,
            async (context) => {
              if (!guest) return context.skip(unavailable);
              const reason = skip?.(guest);
              if (reason !== undefined) return context.skip(reason);
              await run(guest);
            },
            SCENARIO,
          );
      });
  });
}

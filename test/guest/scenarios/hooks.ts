import { join } from "node:path";
import { expect } from "vitest";
import { objectOf, scriptOf } from "../programs.ts";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";
import { withoutClang } from "./examples.ts";

const PROGRAMS = join(repository(), "test", "guest", "programs");

export const hooks: readonly Scenario[] = [
  {
    name: "every kind of hook goes on and off, is pinned, updated and detached",
    skip: () => withoutClang(),
    run: async (guest) => {
      await guest.write("/tmp/hooks.bpf.o", objectOf(join(PROGRAMS, "hooks.bpf.c")));
      await guest.write("/bpfkit/hooks.js", scriptOf(join(PROGRAMS, "hooks.ts")));
      const { stdout, stderr } = await guest.run(["node", "/bpfkit/hooks.js", "/tmp/hooks.bpf.o"]);
      console.log(stdout, stderr);
      expect(stderr).toBe("");
    },
  },
];

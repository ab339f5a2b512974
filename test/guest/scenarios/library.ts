import { join } from "node:path";
import { expect } from "vitest";
import { objectOf, scriptOf, skeletonOf } from "../programs.ts";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";
import { withoutClang } from "./examples.ts";

const PROGRAMS = join(repository(), "test", "guest", "programs");

export const library: readonly Scenario[] = [
  {
    name: "a TypeScript program loads, attaches, reads and cleans up",
    skip: () => withoutClang(),
    run: async (guest) => {
      const object = objectOf(join(PROGRAMS, "tour.bpf.c"));
      await guest.write("/tmp/tour.bpf.o", object);
      await guest.write("/bpfkit/tour.skel.js", skeletonOf(object));
      await guest.write("/bpfkit/tour.js", scriptOf(join(PROGRAMS, "tour.ts")));
      await guest.shell("mkdir -p /sys/fs/bpf/tour");
      const { stdout, stderr } = await guest.run(
        "node /bpfkit/tour.js /bpfkit/tour.skel.js /tmp/tour.bpf.o".split(" "),
      );
      expect(stderr).toBe("");
      const lines = stdout.trimEnd().split("\n");
      expect(lines.filter((line) => !line.startsWith("well: "))).toEqual([]);
      expect(lines).toHaveLength(7);
      // Its maps are pinned by name: whoever loads the object next finds them.
      await guest.shell("rm /sys/fs/bpf/tour/shared");
      expect(await guest.shell("ls /sys/fs/bpf/tour; ./bpfkit link show; ./bpfkit prog show")).toBe("");
    },
  },
];

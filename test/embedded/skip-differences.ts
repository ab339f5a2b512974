import { relative } from "node:path";
import { beforeEach } from "vitest";
import { repository } from "../guest/repository.ts";
import { differenceOf } from "./differences.ts";

// Set-up of every suite on the embedded kernel. BPFKIT_DIFFERENCES=check runs what is skipped, and fails where it passes.
const check = process.env["BPFKIT_DIFFERENCES"] === "check";

beforeEach(({ task, skip }) => {
  const reason = differenceOf(relative(repository(), task.file.filepath), task.name);
  if (reason === undefined) return;
  // What the runner looks at when the test is over.
  if (check) Object.assign(task, { fails: true });
  else skip(reason);
});

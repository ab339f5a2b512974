import { BpfkitError } from "../errors.ts";
import { toElf } from "../object/index.ts";
import type { Runnable } from "./script.ts";

/** A stage of the compilation as text (`elf`: as the object's bytes in hex). */
export function printStage(stage: string, { object, plan, stages }: Runnable): string {
  if (stage === "plan") return `${JSON.stringify(plan, undefined, 2)}\n`;
  if (stage === "elf")
    return (
      Buffer.from(toElf(object, plan))
        .toString("hex")
        .replace(/(.{64})/g, "$1\n") + "\n"
    );
  const text = stages && Object.hasOwn(stages, stage) ? stages[stage] : undefined;
  if (text) return text();
  throw new BpfkitError(`A built object has no stage ${stage}`, {
    code: "cli/no-stage",
    hints: ["Give the script instead; objects have the stages elf, plan and verifier"],
  });
}

import { batchJson, batchTexts } from "./batches.ts";
import type { ComparedCommand } from "./commands.ts";
import { ToolRuns } from "./tool-runs.ts";
import type { Ran } from "./tool-runs.ts";

/** bpftool's answers to commands that bpfkit has answered: in two batches what went well, the rest one by one. */
export function peerAnswers(
  bpftool: string,
  commands: readonly ComparedCommand[],
  owns: readonly Ran[],
): readonly Ran[] {
  const answers = new Map<ComparedCommand, Ran>();
  const good = commands.filter((command, index) => owns[index]!.code === 0 && fitsBatch(command));
  const [texts, jsons] = [good.filter(({ as }) => as === "text"), good.filter(({ as }) => as === "json")];
  const keep = (list: readonly ComparedCommand[], outs: readonly (string | undefined)[]): void =>
    list.forEach((command, index) => {
      const out = outs[index];
      if (out !== undefined) answers.set(command, { out, err: "", code: 0 });
    });
  keep(
    texts,
    batchTexts(
      bpftool,
      texts.map(({ words }) => words),
    ),
  );
  keep(
    jsons,
    batchJson(
      bpftool,
      jsons.map(({ words }) => words.slice(1)),
    ),
  );
  const others = commands.filter((command) => !answers.has(command));
  using runs = new ToolRuns(
    [bpftool],
    others.map(({ words }) => words),
  );
  others.forEach((command, index) => answers.set(command, runs.take(index)));
  return commands.map((command) => answers.get(command)!);
}

/**
 * Options are those of the whole batch, and pretty JSON is indented there otherwise; a command that ends with a code
 * of its own ends the batch; and the kernel's types, once they were the base of a module's, stay the base of all later
 * ones (base_btf in tools/bpf/bpftool/btf.c).
 */
function fitsBatch({ words, as, process }: ComparedCommand): boolean {
  if (as === "code" || process === true) return false;
  const rest = as === "json" ? words.slice(1) : words;
  const options = rest.some((word) => word.startsWith("-")) || (as === "json" && words[0] !== "-j");
  const alone = /^(?:help|iter|link show .*|feature probe.*|btf dump id .*|.* he(?:lp)?)$/.test(
    rest.join(" "),
  );
  return !options && !alone && rest[0] !== "b" && rest[0] !== "batch";
}

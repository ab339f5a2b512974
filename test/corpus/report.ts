import { decode, disassemble } from "../../src/isa/index.ts";
import { type Difference, differences, type Fitting, type Verdict } from "./verdict.ts";

export interface Summary {
  readonly kernel: string;
  readonly objects: number;
  /** By both. */
  readonly loaded: number;
  /** Of these: how many only when fitted, and how. */
  readonly fitted: readonly ({ readonly object: string } & Fitting)[];
  readonly refusedByBoth: readonly {
    readonly object: string;
    readonly bpfkit: string;
    readonly libbpf: string;
  }[];
  /** Programs whose instructions in the kernel were compared. */
  readonly programs: number;
  readonly insns: number;
  readonly attached: number;
  /** By bpfkit, in objects whose hooks libbpf cannot show. */
  readonly hooked: number;
  /** bpf(2) calls for each object that both load, and together; only where they were counted. */
  readonly calls: readonly { readonly object: string; readonly bpfkit: number; readonly libbpf: number }[];
  readonly differing: readonly { readonly object: string; readonly differences: readonly Difference[] }[];
}

export function summarize(kernel: string, verdicts: readonly Verdict[]): Summary {
  const both = verdicts.filter(
    ({ bpfkit, libbpf }) => bpfkit.refused === undefined && libbpf.refused === undefined,
  );
  const compared = both.flatMap(({ libbpf }) => libbpf.programs);
  return {
    kernel,
    objects: verdicts.length,
    loaded: both.length,
    fitted: both.flatMap(({ object, fitted }) => (fitted ? [{ object, ...fitted }] : [])),
    refusedByBoth: verdicts.flatMap(({ object, bpfkit, libbpf }) =>
      bpfkit.refused !== undefined && libbpf.refused !== undefined
        ? [{ object, bpfkit: bpfkit.refused, libbpf: libbpf.refused }]
        : [],
    ),
    programs: compared.length,
    insns: compared.reduce((sum, { insns }) => sum + insns.length / 16, 0),
    attached: compared.filter(({ link }) => link !== undefined).length,
    hooked: both
      .filter(({ libbpf }) => libbpf.unlinked)
      .flatMap(({ bpfkit }) => bpfkit.programs)
      .filter(({ link }) => link !== undefined).length,
    calls: both.flatMap(({ object, bpfkit, libbpf }) =>
      bpfkit.calls === undefined || libbpf.calls === undefined
        ? []
        : [{ object, bpfkit: bpfkit.calls, libbpf: libbpf.calls }],
    ),
    differing: verdicts.flatMap((verdict) => {
      const found = differences(verdict);
      return found.length === 0 ? [] : [{ object: verdict.object, differences: found }];
    }),
  };
}

const COLUMNS = [
  "kernel",
  "objects",
  "loaded",
  "fitted",
  "refused",
  "differ",
  "programs",
  "insns",
  "attached",
  "by us",
];

/** A line a kernel, then what differs, then what both refuse. */
export function reportText(summaries: readonly Summary[], notCompiled: number): string {
  const rows = summaries.map(
    ({ kernel, objects, loaded, fitted, refusedByBoth, differing, programs, insns, attached, hooked }) =>
      [
        kernel,
        objects,
        loaded,
        fitted.length,
        refusedByBoth.length,
        differing.length,
        programs,
        insns,
        attached,
        hooked,
      ].map(String),
  );
  const lines = [COLUMNS, ...rows].map((row) => row.map((cell) => cell.padStart(9)).join(""));
  for (const { kernel, differing, refusedByBoth, calls, fitted } of summaries) {
    if (calls.length > 0) lines.push("", `${kernel}: bpf(2) calls to load, bpfkit and libbpf`);
    for (const { object, bpfkit, libbpf } of calls)
      lines.push(
        `  ${object.padEnd(32)}${String(bpfkit).padStart(6)}${String(libbpf).padStart(6)}  ${(bpfkit / libbpf).toFixed(2)}`,
      );
    if (fitted.length > 0) lines.push("", `${kernel}: loaded as its own loader would, by both`);
    for (const { object, maps, without } of fitted)
      lines.push(`  ${object}: ${describeFit({ maps, without })}`);
    if (differing.length > 0) lines.push("", `${kernel}: different`);
    for (const { object, differences: found } of differing)
      lines.push(...found.map((difference) => `  ${object}: ${describe(difference)}`));
    if (refusedByBoth.length > 0) lines.push("", `${kernel}: refused by both`);
    for (const { object, bpfkit, libbpf } of refusedByBoth)
      lines.push(`  ${object}`, `    bpfkit  ${line(bpfkit)}`, `    libbpf  ${line(libbpf)}`);
  }
  if (notCompiled > 0) lines.push("", `${notCompiled} not compiled`);
  return lines.join("\n");
}

function describeFit({ maps, without }: Fitting): string {
  const sized = maps.length === 0 ? [] : [`maps given a size: ${maps.join(", ")}`];
  return [...sized, ...(without.length === 0 ? [] : [`without ${without.join(", ")}`])].join("; ");
}

function describe(difference: Difference): string {
  switch (difference.kind) {
    case "refused":
      return `refused by ${difference.by} only: ${line(difference.why)}`;
    case "program":
      return `${difference.program} only by ${difference.only}`;
    case "insn":
      return `${difference.program} from instruction ${difference.at}: ${shown(difference.bpfkit)} where libbpf has ${shown(difference.libbpf)}`;
    case "link":
      return `${difference.program} attached by ${difference.bpfkit}, by libbpf ${difference.libbpf}`;
  }
}

function shown(hex: string): string {
  if (hex === "end") return "the end";
  return `${hex} (${disassemble(decode(Buffer.from(hex, "hex")))[0]?.text ?? "?"})`;
}

function line(text: string): string {
  const [first = ""] = text.split("\n");
  return first.length > 240 ? `${first.slice(0, 240)}...` : first;
}

/** How the two tools' answers to one command line compare. */
export interface Verdict {
  readonly command: string;
  readonly as: "text" | "json" | "code" | "effect";
  /** `data`: not the same bytes, but the same JSON. */
  readonly result: "same" | "data" | "different";
  /** Meant differences that were taken out first. */
  readonly used?: readonly string[];
  readonly detail?: string;
  readonly own?: string;
  readonly peer?: string;
}

/** What one guest found. */
export interface GuestReport {
  readonly kernel: string;
  readonly made: readonly string[];
  readonly missing: readonly string[];
  /** How long all of bpftool's command lines took. */
  readonly peerSeconds: number;
  /** Milliseconds of bpfkit's slowest. */
  readonly slowest: readonly (readonly [milliseconds: number, line: string])[];
  readonly verdicts: readonly Verdict[];
}

/** For people: counts, what could not be made, the differences. */
export function renderReport(report: GuestReport, verbose: boolean): string {
  const { kernel, made, missing, peerSeconds, slowest, verdicts } = report;
  const count = (result: Verdict["result"], as: Verdict["as"]): number =>
    verdicts.filter((verdict) => verdict.result === result && verdict.as === as).length;
  const different = verdicts.filter(({ result }) => result === "different");
  const used = new Map<string, number>();
  for (const what of verdicts.flatMap((verdict) => verdict.used ?? []))
    used.set(what, (used.get(what) ?? 0) + 1);
  return [
    `${kernel}: ${made.length} objects, ${verdicts.length} command lines, bpftool's in ${peerSeconds.toFixed(0)} s`,
    `  text: ${count("same", "text")} the same bytes, ${count("different", "text")} different`,
    `  JSON: ${count("same", "json")} the same bytes, ${count("data", "json")} the same data, ${count("different", "json")} different`,
    `  changes: ${count("same", "effect")} the same effect, ${count("different", "effect")} different`,
    `  mistakes: ${count("same", "code")} the same exit code, ${count("different", "code")} different`,
    ...[...used].map(([what, times]) => `  meant: ${what} (${times} answers)`),
    ...missing.map((line) => `  not made here: ${line}`),
    ...(verbose
      ? slowest.map(([milliseconds, line]) => `  slow: ${milliseconds.toFixed(0)} ms ${line}`)
      : []),
    ...different.flatMap(({ command, detail, own, peer }) => [
      `  different: ${command}`,
      `    ${detail ?? ""}`,
      ...(verbose ? [`    bpfkit:  ${JSON.stringify(own)}`, `    bpftool: ${JSON.stringify(peer)}`] : []),
    ]),
    "",
  ].join("\n");
}

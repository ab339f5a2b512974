/** What a loader made of one object. */
export interface Outcome {
  /** Why the object was refused; absent: it was loaded. */
  readonly refused?: string;
  readonly programs: readonly ProgramOutcome[];
  /** bpf(2) calls until everything was loaded (and pinned, which is not counted), where they were counted. */
  readonly calls?: number;
  /** It was loaded, but its programs could not be looked at. */
  readonly unseen?: true;
  /** It was loaded, and its hooks are no links that could be looked at: perf events before Linux 5.15. */
  readonly unlinked?: true;
}

export interface ProgramOutcome {
  readonly name: string;
  /** Instructions as the kernel shows them, ids of maps replaced: 16 hexadecimal digits each. */
  readonly insns: string;
  /** What it is attached by, as the kernel names the link; absent: by nothing. */
  readonly link?: string;
  /** Why it could not be attached, where that was tried. */
  readonly unattached?: string;
}

/** Both loaders' answers on one object on one kernel. */
export interface Verdict {
  readonly object: string;
  readonly bpfkit: Outcome;
  readonly libbpf: Outcome;
  /** Present where both refused the object as it is, and loaded it so. */
  readonly fitted?: Fitting;
}

/** What the program's own loader would have done, done for both. */
export interface Fitting {
  /** Maps that were given a size. */
  readonly maps: readonly string[];
  /** Sections of programs that were left out. */
  readonly without: readonly string[];
}

/** How two answers differ. */
export type Difference =
  | { readonly kind: "refused"; readonly by: "bpfkit" | "libbpf"; readonly why: string }
  | { readonly kind: "program"; readonly only: "bpfkit" | "libbpf"; readonly program: string }
  | {
      readonly kind: "insn";
      readonly program: string;
      readonly at: number;
      readonly bpfkit: string;
      readonly libbpf: string;
    }
  | {
      readonly kind: "link";
      readonly program: string;
      readonly bpfkit: string;
      readonly libbpf: string;
    };

/** What differs; nothing for objects that both refuse. */
export function differences({ bpfkit, libbpf }: Verdict): Difference[] {
  if (bpfkit.refused !== undefined && libbpf.refused !== undefined) return [];
  if (bpfkit.refused !== undefined) return [{ kind: "refused", by: "bpfkit", why: bpfkit.refused }];
  if (libbpf.refused !== undefined) return [{ kind: "refused", by: "libbpf", why: libbpf.refused }];
  if (bpfkit.unseen || libbpf.unseen) return [];
  const ours = new Map(bpfkit.programs.map((program) => [program.name, program]));
  const theirs = new Map(libbpf.programs.map((program) => [program.name, program]));
  const names = [...new Set([...ours.keys(), ...theirs.keys()])];
  return names.flatMap((name) =>
    differing(name, ours.get(name), theirs.get(name)).filter(
      ({ kind }) => kind !== "link" || libbpf.unlinked !== true || ours.get(name)?.unattached !== undefined,
    ),
  );
}

function differing(program: string, ours?: ProgramOutcome, theirs?: ProgramOutcome): Difference[] {
  if (!theirs) return [{ kind: "program", only: "bpfkit", program }];
  if (!ours) return [{ kind: "program", only: "libbpf", program }];
  const found: Difference[] = [];
  if (ours.insns !== theirs.insns) {
    const [a, b] = [slots(ours.insns), slots(theirs.insns)];
    const at = a.findIndex((insn, index) => insn !== b[index]);
    const where = at < 0 ? a.length : at;
    found.push({ kind: "insn", program, at: where, bpfkit: a[where] ?? "end", libbpf: b[where] ?? "end" });
  }
  if (ours.link !== theirs.link)
    found.push({
      kind: "link",
      program,
      bpfkit: ours.link ?? `none (${ours.unattached ?? "its section does not say where"})`,
      libbpf: theirs.link ?? "none",
    });
  return found;
}

function slots(insns: string): string[] {
  return insns.match(/.{16}/g) ?? [];
}

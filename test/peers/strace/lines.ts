const MASKS: readonly (readonly [RegExp, string])[] = [
  [/^\d+ +/gm, "PID "],
  [/0x[0-9a-f]{8,16}/g, "POINTER"],
  // As bytes of what strace has no members for: addresses on the stack and of libraries.
  [/(?:\\x[0-9a-f]{2}){5}\\x7f\\x00\\x00/g, "POINTER"],
  [/\b(si_pid|pid)=\d+/g, "$1=N"],
  [/\b(si_utime|si_stime)=\d+( \/\*[^*]*\*\/)?/g, "$1=N"],
  // strace has no names for the operations of 32-bit jumps.
  [/BPF_JMP32(\|BPF_[KX]\|BPF_\w+|\|0x[0-9a-f]+ \/\* BPF_\?\?\? \*\/)?,/g, "BPF_JMP32,"],
  // Objects are new in every run.
  [/\b(id|\w+_id)=\d+/g, "$1=N"],
  [/\bmap_ids=\[[^\]]*\]/g, "map_ids=N"],
  [/\b(load_time|run_time_ns|run_cnt)=\d+( \/\*[^*]*\*\/)?/g, "$1=N"],
  [/\b[0-9a-f]{8}\.rodata/g, "X.rodata"],
  // Addresses in instructions.
  [/\bimm=0x[0-9a-f]{4,8}\b/g, "imm=N"],
  // As many of them as the machine happens to have.
  [
    /((?:.*BPF_BTF_GET_NEXT_ID.*= 0\n)(?:.*BPF_BTF_GET_FD_BY_ID.*\n)(?:.*BPF_OBJ_GET_INFO_BY_FD.*\n)+?)\1*/g,
    "$1",
  ],
];

/** Objects that only one of the runs saw: the machine's other users made or closed them in between. */
const LISTED = /BPF_(PROG|MAP|LINK|BTF)_GET_FD_BY_ID, \{(?:prog|map|link|btf)_id=(\d+)/;

/** The lines of two runs without what may differ between any two. */
export function comparable(one: string, other: string): readonly [string[], string[]] {
  const [parts, others] = [steps(one), steps(other)];
  const [known, alsoKnown] = [keys(parts), keys(others)];
  const kept = (list: readonly string[]): string[] => {
    const text = list
      .filter((step) => {
        const key = keyOf(step);
        return key === undefined || (known.has(key) && alsoKnown.has(key));
      })
      .join("");
    return MASKS.reduce((all, [from, to]) => all.replaceAll(from, to), text).split("\n");
  };
  return [kept(parts), kept(others)];
}

/** A walk over all objects step by step: a step is a call for the next id with all that follows until the next such call. */
function steps(text: string): string[] {
  return text.split(/^(?=.*_GET_NEXT_ID)/m);
}

/** The object of a step; none of the last one, which says that there are no more. */
function keyOf(step: string): string | undefined {
  const [, kind, id] = /^.*_GET_NEXT_ID/.test(step) ? (LISTED.exec(step) ?? []) : [];
  return kind === undefined ? undefined : `${kind} ${id}`;
}

/** Objects that were there when they were to be opened. */
function keys(list: readonly string[]): ReadonlySet<string> {
  return new Set(
    list.filter((step) => !/_GET_FD_BY_ID.*ENOENT/.test(step)).flatMap((step) => keyOf(step) ?? []),
  );
}

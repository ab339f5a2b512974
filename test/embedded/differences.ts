/** Tests that pass on the real kernel only, and why. docs/embedded.md shows them. */
export interface Difference {
  readonly reason: string;
  /** By file: titles of tests. */
  readonly tests: Readonly<Record<string, readonly string[]>>;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    reason:
      "programs that go wrong are stopped as they run; no verifier refuses them before, or writes a log",
    tests: {
      "test/bpftrace/run.test.ts": ["the verifier follows join in few steps"],
      "test/c/objects.test.ts": ["a failed load leaves nothing open, and a good one nothing behind"],
      "test/cli/trace.test.ts": ["shows the source line that the verifier rejects, in words"],
      "test/conformance/loader.test.ts": [
        "a rejected program carries the log, the instruction, its line and the reason",
        "nothing of a failed object stays open",
      ],
      "test/library/documentation.test.ts": ["'VerifierError-0' prints what it says"],
    },
  },
  {
    reason: "only processes under ptrace raise events, and these look at this process or the whole system",
    tests: {
      "test/conformance/loader.test.ts": [
        "a tracepoint fires for each system call",
        "so does a tracepoint on a kernel without perf links",
        "a raw tracepoint fires",
        "a BTF tracepoint fires",
        "profile and software events fire while this process runs",
        "a uprobe and a uretprobe fire on a function of libc",
        "an unknown event is named, with the nearest ones",
      ],
    },
  },
  {
    reason: "there are no tracepoints of the scheduler's switches",
    tests: {
      "test/cli/trace.test.ts": [
        "says one clear thing about an unknown probe",
        "says one clear thing about an unknown field",
      ],
    },
  },
  {
    reason: "there is no type information but that of the tasks of processes under ptrace",
    tests: {
      "test/c/headers.test.ts": ["every macro compiles without warnings and does in the kernel what it says"],
      "test/c/objects.test.ts": [
        "what the kernel's types do not have is named, not numbered",
        "the kernel's options, variables and functions are found, or known to be missing",
        "struct_ops know their member, and wait to be registered",
      ],
    },
  },
  {
    reason:
      "they open a second kernel and look for an object of the first, but each embedded kernel is its owner's own",
    tests: {
      "test/library/c-object.test.ts": ["sets maps of maps and programs by descriptor, and reads their ids"],
      "test/library/documentation.test.ts": [
        "'openMap-0' prints what it says",
        "'openProgram-0' prints what it says",
      ],
    },
  },
  {
    reason: "its descriptors are not the system's, so /proc does not tell who holds what",
    tests: {
      "test/conformance/inspect.test.ts": ["this process holds its program"],
      "test/conformance/program-tree.test.ts": ["draws maps, who shares them, and who holds what"],
    },
  },
  {
    reason: "programs become WebAssembly, not machine code",
    tests: {
      "test/conformance/program-dump.test.ts": [
        "machine code, function by function, with names of what is called",
        "machine code as JSON holds every byte",
      ],
    },
  },
  {
    reason: "there are no exceptions: bpf_throw is no kernel function here",
    tests: { "test/c/objects.test.ts": ["an exception ends in the callback that the program names"] },
  },
  {
    reason: "there are no maps of struct_ops",
    tests: {
      "test/c/objects.test.ts": [
        "maps are as defined, with what they hold from the start",
        "global variables keep what programs write",
      ],
    },
  },
  {
    reason: "there are no network interfaces",
    tests: { "test/conformance/bpftool-mistakes.test.ts": ["a device that is none"] },
  },
  {
    reason: "no right is needed",
    tests: { "test/cli/trace.test.ts": ["names the missing capability"] },
  },
];

/** Why a test is not for the embedded kernel, if it is not. */
export function differenceOf(file: string, title: string): string | undefined {
  return DIFFERENCES.find(({ tests }) => tests[file]?.includes(title))?.reason;
}

/** The table as docs/embedded.md has it. */
export function differencesTable(): string {
  const rows = DIFFERENCES.map(({ reason, tests }) => {
    const titles = Object.entries(tests).map(([file, names]) => `\`${file}\`: ${names.join("; ")}`);
    return `| ${reason} | ${titles.join("<br>")} |`;
  });
  return ["| why | only on the real kernel |", "|---|---|", ...rows].join("\n");
}

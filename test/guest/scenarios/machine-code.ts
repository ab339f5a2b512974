import { expect } from "vitest";
import { toElf } from "../../../src/object/index.ts";
import type { ObjectSpec } from "../../../src/object/index.ts";
import { countingObject } from "../../attach/counting-object.ts";
import { objdumpLines, peerObjdump } from "../../peers/objdump.ts";
import type { Guest } from "../guest.ts";
import type { Scenario } from "../scenario.ts";

/** A program of every kind that Linux 5.10 loads from an object without more ado; what each returns must be allowed. */
const SECTIONS = [
  { section: "socket" },
  { section: "kprobe/vfs_read" },
  { section: "kretprobe/vfs_read" },
  { section: "uprobe" },
  { section: "tc" },
  { section: "action" },
  { section: "tracepoint/sched/sched_switch" },
  { section: "raw_tp/sched_switch" },
  { section: "tp_btf/sched_switch" },
  { section: "fentry/vfs_read" },
  { section: "fexit/vfs_read" },
  { section: "iter/task" },
  { section: "perf_event" },
  { section: "xdp" },
  { section: "lwt_in" },
  { section: "lwt_out" },
  { section: "lwt_xmit" },
  { section: "lwt_seg6local" },
  { section: "sockops", result: 1 },
  { section: "sk_skb/stream_parser" },
  { section: "sk_skb/stream_verdict", result: 1 },
  { section: "sk_msg", result: 1 },
  { section: "sk_reuseport", result: 1 },
  { section: "sk_lookup", result: 1 },
  { section: "flow_dissector" },
  { section: "cgroup_skb/ingress", result: 1 },
  { section: "cgroup_skb/egress", result: 1 },
  { section: "cgroup/sock_create", result: 1 },
  { section: "cgroup/connect4", result: 1 },
  { section: "cgroup/dev", result: 1 },
  { section: "cgroup/sysctl", result: 1 },
  { section: "cgroup/getsockopt", result: 1 },
];
const PINS = "/sys/fs/bpf/kinds";

/** All with the same instructions but for what they return: the kernel's tag, by which many are dumped at once, is two. */
function kinds(): ObjectSpec {
  const [first, ...others] = SECTIONS.map((section) => countingObject([section]));
  const programs = [first!, ...others].flatMap((spec) => spec.programs);
  return { ...first!, programs: programs.map((program, index) => ({ ...program, name: `kind_${index}` })) };
}

interface JitedFunction {
  readonly name: string;
  readonly insns: readonly {
    readonly pc: string;
    readonly operation: string;
    readonly operands: readonly (string | null)[];
    readonly opcodes: readonly string[];
  }[];
}

interface JitedProgram {
  readonly id: number;
  readonly insns: readonly JitedFunction[];
}

interface ShownProgram {
  readonly id: number;
  readonly type: string;
  /** Not all have one. */
  readonly name?: string;
  readonly tag: string;
  readonly bytes_jited: number;
}

/** One answer of the command line. */
async function answer<T>(guest: Guest, words: readonly string[]): Promise<T> {
  const { stdout, stderr } = await guest.run(["./bpfkit", "bpftool", "-j", ...words], { timeout: 120_000 });
  expect(stderr).toBe("");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the answer holds is what is tested
  return JSON.parse(stdout) as T;
}

/** Start of each function by its name. */
async function addresses(guest: Guest): Promise<ReadonlyMap<string, bigint>> {
  const text = await guest.shell("grep 'bpf_prog_' /proc/kallsyms");
  return new Map(
    [...text.matchAll(/^(\w+) \w (\S+)/gm)].map(([, address, name]) => [name!, BigInt(`0x${address}`)]),
  );
}

export const machineCode: readonly Scenario[] = [
  {
    name: "machine code of programs of all kinds is shown to the last byte, as objdump words it",
    run: async (guest) => {
      await guest.write("/tmp/kinds.bpf.o", toElf(kinds()));
      await guest.shell(`./bpfkit prog loadall /tmp/kinds.bpf.o ${PINS}`);
      try {
        const shown = await answer<ShownProgram[]>(guest, ["prog", "show"]);
        const loaded = shown.filter(({ name }) => name?.startsWith("kind_"));
        expect(new Set(loaded.map(({ type }) => type)).size).toBeGreaterThan(20);
        const dumped: JitedProgram[] = [];
        for (const tag of new Set(loaded.map((program) => program.tag)))
          // oxlint-disable-next-line no-await-in-loop -- one command after another
          dumped.push(
            ...(await answer<JitedProgram[]>(guest, ["prog", "dump", "jited", "tag", tag, "opcodes"])),
          );
        expect(dumped).toHaveLength(SECTIONS.length);
        for (const { id, bytes_jited } of loaded) {
          const functions = dumped.find((program) => program.id === id)!.insns;
          const insns = functions.flatMap((one) => one.insns);
          expect(insns.flatMap(({ opcodes }) => opcodes)).toHaveLength(bytes_jited);
          expect(insns.filter(({ operation }) => operation === "(bad)")).toEqual([]);
        }
        const objdump = peerObjdump();
        if (objdump === undefined) return;
        const starts = await addresses(guest);
        for (const { name, insns } of dumped.flatMap((program) => program.insns)) {
          const bytes = Buffer.from(insns.flatMap(({ opcodes }) => opcodes.map(Number)));
          const ours = insns.map(({ pc, operation, operands }) =>
            `${pc.slice(2)}: ${operation} ${operands.join(",")}`.trim(),
          );
          expect(ours, name).toEqual(objdumpLines(objdump, bytes, starts.get(name)!));
        }
      } finally {
        await guest.shell(`rm -r ${PINS}`);
      }
    },
  },
];

import { writeFileSync } from "node:fs";
import { openDisassembler } from "../disassembler/index.ts";
import { programCode, programInfo } from "../inspect/index.ts";
import { encode } from "../isa/index.ts";
import type { Fd, Kernel } from "../kernel/index.ts";
import type { Arguments } from "./arguments.ts";
import { DONE } from "./command.ts";
import type { Answer, Command } from "./command.ts";
import type { DumpedProgram, DumpFlags } from "./dumped-program.ts";
import { fullProgramName, objectBtf, openAll } from "./handle.ts";
import { jitedJson, jitedText } from "./jited-text.ts";
import { headJson, headText } from "./program-head.ts";
import type { ProgramHead } from "./program-head.ts";
import type { Json } from "./json.ts";
import { KernelSymbols } from "./kernel-symbols.ts";
import { printModule } from "../wasm/index.ts";
import { fileReason } from "./file-reason.ts";
import { ToolError } from "./tool-error.ts";
import { xlatedGraph } from "./xlated-graph.ts";
import { xlatedJson, xlatedText } from "./xlated-text.ts";

interface DumpOptions extends DumpFlags {
  readonly visual: boolean;
  readonly file: string | undefined;
}

/** One form of a program's code. */
interface Form {
  readonly bytes: (program: DumpedProgram) => Uint8Array;
  readonly text: (program: DumpedProgram, options: DumpOptions) => string;
  readonly json: (program: DumpedProgram, options: DumpOptions) => Json;
}

const HIDDEN = ["Run as root with kernel.kptr_restrict below 2 (sysctl kernel.kptr_restrict=1)"];

const XLATED: Form = {
  bytes: ({ code }) => encode(code.insns),
  text: (program, options) => (options.visual ? xlatedGraph(program, options) : xlatedText(program, options)),
  json: xlatedJson,
};

/** prog dump {xlated|jited} PROG [file FILE | opcodes | linum | visual]. */
export const dumpProgram: Command = async ({ args, options: { json }, kernel: open }) => {
  args.require(3, "dump");
  const jited = args.accept("jited");
  if (!jited && !args.accept("xlated"))
    throw new ToolError(`expected 'xlated' or 'jited', got: ${args.peek()}`);
  const kernel = await open();
  using opened = openAll(kernel, "prog", args);
  const several = opened.fds.length > 1;
  const options = dumpOptions(args, several, json);
  const symbols = new KernelSymbols(kernel.files.kallsyms());
  const programs = opened.fds.map((fd) => readProgram(kernel, fd, symbols, jited));
  const form = jited ? await jitedForm(kernel, options.file !== undefined) : XLATED;
  if (options.file !== undefined) return save(options.file, form.bytes(programs[0]!.program));
  return {
    text: () =>
      programs
        .map(({ program, head }) => `${several ? headText(head) : ""}${form.text(program, options)}`)
        .join("\n"),
    json: () => {
      const dumps = programs.map(({ program }) => form.json(program, options));
      return several
        ? programs.map(({ head }, index) => ({ ...headJson(head), insns: dumps[index] ?? [] }))
        : (dumps[0] ?? []);
    },
  } satisfies Answer;
};

function dumpOptions(args: Arguments, several: boolean, json: boolean): DumpOptions {
  let [file, opcodes, visual, lineNumbers] = [undefined as string | undefined, false, false, false];
  while (args.left > 0) {
    if (args.accept("file")) file = args.take("file path");
    else if (args.accept("opcodes")) opcodes = true;
    else if (args.accept("visual")) visual = true;
    else if (args.accept("linum")) lineNumbers = true;
    else args.end();
  }
  if (several && (visual || file !== undefined)) throw new ToolError("several programs matched");
  if (file !== undefined && (opcodes || visual || lineNumbers))
    throw new ToolError("'file' is not compatible with 'opcodes', 'visual', or 'linum'");
  if (json && visual) throw new ToolError("'visual' is not compatible with JSON output");
  return { file, opcodes, visual, lineNumbers };
}

function readProgram(
  kernel: Kernel,
  fd: Fd,
  symbols: KernelSymbols,
  jited: boolean,
): { readonly program: DumpedProgram; readonly head: ProgramHead } {
  const info = programInfo(kernel, fd);
  const code = programCode(kernel, fd);
  if (jited && info.jitedSize === 0)
    throw new ToolError("the program has no machine code: it is interpreted, or the code is hidden", 255, [
      "The JIT is on where /proc/sys/net/core/bpf_jit_enable holds 1",
      ...HIDDEN,
    ]);
  if (jited ? code.jited.length === 0 : code.insns.length === 0 && info.xlatedSize > 0)
    throw new ToolError("the kernel does not show the program's instructions", 255, HIDDEN);
  const btf = info.btfId === 0 ? undefined : objectBtf(kernel, info.btfId);
  return { program: { code, btf, symbols }, head: { info, name: fullProgramName(kernel, fd) } };
}

/** The library is loaded only where instructions are read, not to save bytes. */
async function jitedForm({ machineCode, release }: Kernel, bytesOnly: boolean): Promise<Form> {
  if (machineCode === "wasm") return WASM;
  const disassembler = bytesOnly ? undefined : await openDisassembler(release.arch);
  return {
    bytes: ({ code }) => code.jited,
    text: (program, options) => jitedText(program, disassembler!, options),
    json: (program, options) => jitedJson(program, disassembler!, options),
  };
}

/** The embedded kernel's JIT makes a module of each program. */
const WASM: Form = {
  bytes: ({ code }) => code.jited,
  text: ({ code }) => printModule(code.jited),
  json: ({ code }) => printModule(code.jited).trimEnd().split("\n"),
};

function save(path: string, bytes: Uint8Array): Answer {
  try {
    writeFileSync(path, bytes, { mode: 0o600 });
  } catch (error) {
    throw new ToolError(`can't open file ${path}: ${fileReason(error)}`);
  }
  return DONE;
}

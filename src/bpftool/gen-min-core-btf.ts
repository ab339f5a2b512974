import { btfFromFile, decodeBtfExt, minimizeBtf, parseBtf } from "../btf/index.ts";
import type { CoreUser } from "../btf/index.ts";
import { ElfFile } from "../elf/index.ts";
import { BpfkitError } from "../errors.ts";
import { DONE } from "./command.ts";
import type { Command } from "./command.ts";
import { readInput, writeOutput } from "./gen-object.ts";
import { ToolError } from "./tool-error.ts";

/** gen min_core_btf INPUT OUTPUT OBJECT [OBJECT...]. */
export const genMinCoreBtf: Command = ({ args }) => {
  args.require(3, "min_core_btf");
  const source = readInput(args.take("INPUT"));
  const output = args.take("OUTPUT");
  const kernel = named(source.name, () => btfFromFile(source.bytes));
  const users: CoreUser[] = [];
  while (args.left > 0) {
    const { name, bytes } = readInput(args.take("OBJECT"));
    users.push(named(name, () => coreUser(bytes)));
  }
  writeOutput(
    output,
    named(source.name, () => minimizeBtf(kernel, users)),
  );
  return DONE;
};

function coreUser(bytes: Uint8Array): CoreUser {
  const elf = new ElfFile(bytes);
  const [types, ext] = [elf.section(".BTF"), elf.section(".BTF.ext")];
  if (!types || !ext)
    throw new ToolError("the object has no .BTF and .BTF.ext sections", 255, ["Compile with -g"]);
  const btf = parseBtf(elf.data(types));
  const sections = decodeBtfExt(elf.data(ext), btf);
  return { btf, relocations: [...sections.values()].flatMap(({ relocations }) => relocations) };
}

/** What goes wrong is said with the file's name. */
function named<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof BpfkitError)) throw error;
    throw new ToolError(`${file}: ${error.message}`, 255, error.hints);
  }
}

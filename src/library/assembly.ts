import { assemble } from "../isa/index.ts";
import { sectionKind } from "../object/index.ts";
import type { ObjectSpec } from "../object/index.ts";
import { LibraryError } from "./library-error.ts";

/**
 * An object with one program, written in the disassembler's own words, one instruction a line. `section` says
 * what the program is, as SEC() does in C; the program's name is `program`.
 * @throws DiagnosticError with every line that is no instruction; LibraryError for an unknown section
 *
 * @example
 * ```ts
 * import { assembleObject, load } from "bpfkit";
 *
 * using object = await load(assembleObject("xdp", "w0 = 2\nexit"));
 * console.log(object.program("program").testRun({ data: new Uint8Array(64) }).result);
 * // prints 2
 * ```
 */
export function assembleObject(section: string, assembly: string): ObjectSpec {
  const kind = sectionKind(section);
  if (!kind)
    throw new LibraryError("library/wrong-kind", `Section ${section} names no kind of program`, [
      "Name it as xdp, socket or tracepoint/syscalls/sys_enter_execve",
    ]);
  const { type, expectedAttachType, typed, target, flags } = kind;
  return {
    license: "GPL",
    maps: [],
    programs: [
      {
        name: "program",
        section,
        type,
        ...(expectedAttachType !== undefined && { expectedAttachType }),
        ...(typed && target !== undefined && { attachTarget: target }),
        ...(flags !== undefined && { flags }),
        insns: assemble(assembly),
        relocations: [],
        functions: [],
        lines: [],
      },
    ],
  };
}

import { formatScript, parse } from "../bpftrace/index.ts";
import { DiagnosticError } from "../diagnostic.ts";

/** @throws DiagnosticError for what is no script: its white space would say nothing */
export function formattedScript(name: string, text: string): string {
  const { program, diagnostics } = parse({ name, text });
  if (diagnostics.some(({ severity }) => severity === "error")) throw new DiagnosticError(diagnostics);
  return formatScript(program);
}

import type { Diagnostic, SourceText } from "../diagnostic.ts";
import type { PreludeItem, Program } from "./ast.ts";
import { Cursor } from "./cursor.ts";
import { recover } from "./expressions.ts";
import { Findings } from "./findings.ts";
import type { ParseResult } from "./parse.ts";
import { Prelude } from "./prelude.ts";
import type { World } from "./world.ts";

/**
 * Puts the definitions of headers where the script includes them, and of `first` before everything. Headers that
 * nobody has ask for nothing: the kernel's types come from its BTF.
 */
export function withHeaders(parsed: ParseResult, first: readonly string[], world: World): ParseResult {
  const findings: Diagnostic[] = [...parsed.diagnostics];
  const seen = new Set<string>();
  const defined = new Set<string>();

  const expand = (items: readonly PreludeItem[], from: SourceText): PreludeItem[] =>
    items.flatMap((item) => {
      if (item.kind === "define") defined.add(item.name);
      if (item.kind !== "include") return [item];
      const header = world.header?.(item.path, item.system ? undefined : folderOf(from));
      return header ? read(header) : [item];
    });
  const read = (header: SourceText): PreludeItem[] => {
    if (seen.has(header.name)) return [];
    seen.add(header.name);
    const { items, diagnostics } = definitionsOf(header, defined);
    findings.push(...diagnostics);
    return expand(items, header);
  };

  const { program } = parsed;
  const forced = first.flatMap((path): PreludeItem[] => {
    const header = world.header?.(path, ".");
    if (header) return read(header);
    const [code, severity] = ["bpftrace/no-header", "error"] as const;
    findings.push({
      code,
      severity,
      message: `There is no header ${path}`,
      hints: ["Folders are added with -I"],
    });
    return [];
  });
  const prelude = [...forced, ...expand(program.prelude, program.source)];
  const expanded: Program = { ...program, prelude };
  return { program: expanded, diagnostics: findings };
}

function folderOf({ name }: SourceText): string {
  const end = name.lastIndexOf("/");
  return end < 0 ? "." : name.slice(0, end + 1);
}

/** Macros and types of a header. Functions and variables, which scripts cannot use, are skipped. */
function definitionsOf(
  source: SourceText,
  defined: ReadonlySet<string>,
): { readonly items: readonly PreludeItem[]; readonly diagnostics: readonly Diagnostic[] } {
  const findings = new Findings();
  const cursor = new Cursor(source, findings);
  const prelude = new Prelude(cursor, defined);
  const items: PreludeItem[] = [];
  while (cursor.token.kind !== "end") {
    const before = cursor.token.start;
    recover(() => {
      if (cursor.at("#")) return void items.push(...prelude.directive());
      const definition = prelude.definition();
      if (definition) items.push(definition);
      else skipDeclaration(cursor);
    });
    if (cursor.token.start === before) cursor.advance();
  }
  prelude.finish();
  return { items, diagnostics: findings.all };
}

/** Up to its semicolon, or its body's end. */
function skipDeclaration(cursor: Cursor): void {
  for (let depth = 0; cursor.token.kind !== "end" && !(depth === 0 && cursor.at("#"));) {
    const { text } = cursor.advance();
    if (text === "{" || text === "(") depth++;
    if (text === "}" || text === ")") depth--;
    if (depth <= 0 && (text === ";" || text === "}")) return;
  }
}

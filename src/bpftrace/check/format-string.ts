import { typeName } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import { int64, isAggregate, type Type, uint64 } from "../types.ts";
import { cast, value } from "./convert.ts";
import { type Elaborator, isBroken } from "./elaborator.ts";

/** What a conversion prints. */
type Family = "number" | "text" | "pointer" | "buffer";

const families: Readonly<Record<string, Family>> = {
  d: "number",
  i: "number",
  u: "number",
  o: "number",
  x: "number",
  X: "number",
  c: "number",
  p: "pointer",
  s: "text",
  r: "buffer",
  rx: "buffer",
  rh: "buffer",
  gr: "number",
};

const conversion = /%(?:%|[-+ #0]*\d*(?:\.\d+)?(?:hh|h|ll|l|j|z|t|L)?(rx|rh|r|gr|[A-Za-z])|([^]?))/g;

const textKinds: ReadonlySet<Type["kind"]> = new Set([
  "string",
  "ksym",
  "usym",
  "kstack",
  "ustack",
  "inet",
  "mac",
  "timestamp",
  "username",
  "cgroup_path",
  "enum",
  "bool",
  "buffer",
]);

/** Checks printf's arguments against its format; counters are read as numbers. */
export function checkFormat(
  on: Elaborator,
  name: string,
  format: TypedExpression & { readonly kind: "string" },
  args: readonly TypedExpression[],
): readonly TypedExpression[] | undefined {
  const conversions: { readonly text: string; readonly letter: string }[] = [];
  for (const match of format.value.matchAll(conversion)) {
    if (match[0] === "%%") continue;
    const letter = match[1] ?? "";
    if (families[letter] === undefined) {
      on.findings.error("bad-format", `${name}() knows no conversion '${match[0]}'`, format.span);
      return undefined;
    }
    conversions.push({ text: match[0], letter });
  }
  if (conversions.length !== args.length) {
    const few = conversions.length > args.length ? "not enough" : "too many";
    on.findings.error(
      "format-arguments",
      `${name}() has ${few} arguments: its format takes ${conversions.length}, given are ${args.length}`,
      format.span,
    );
    return undefined;
  }
  const converted = args.map((arg, index) => fitting(on, name, conversions[index]!, arg));
  return converted.every((arg) => arg !== undefined) ? converted : undefined;
}

function fitting(
  on: Elaborator,
  name: string,
  { text, letter }: { readonly text: string; readonly letter: string },
  argument: TypedExpression,
): TypedExpression | undefined {
  if (isBroken(argument)) return undefined;
  const read = value(argument);
  const { type } = read;
  const family = families[letter]!;
  switch (family) {
    case "number":
    case "pointer":
      if (["int", "bool", "enum"].includes(type.kind)) return read;
      if (type.kind === "pointer")
        return family === "pointer" ? read : cast(read, letter === "d" ? int64 : uint64);
      if (type.kind === "ksym" || type.kind === "timestamp") return cast(read, uint64);
      break;
    case "text":
      if (textKinds.has(type.kind)) return read;
      break;
    case "buffer":
      if (type.kind === "buffer" || type.kind === "string" || type.kind === "array") return read;
  }
  const shown = isAggregate(type) ? `a map of ${typeName(type)}` : typeName(type);
  const hint =
    type.kind === "pointer" && letter === "s"
      ? ["Read the string it points to: str(pointer)."]
      : type.kind === "int" && letter === "s"
        ? ["Print a number with %d or %x, or read the string at that address: str(address)."]
        : [];
  on.findings.error("format-type", `${name}() cannot print ${shown} with '${text}'`, argument.span, ...hint);
  return undefined;
}

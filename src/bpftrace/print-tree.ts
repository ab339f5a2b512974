import type { Program } from "./ast.ts";
import { typeName } from "./type-relations.ts";
import type { CheckedMap, CheckedProbe, CheckedProgram } from "./typed.ts";
import type { Type } from "./types.ts";

/** The syntax tree, one node a line. */
export function printSyntax(program: Program): string {
  const { prelude, imports, config, items } = program;
  const parts = [...prelude, ...imports, ...(config ? [config] : []), ...items];
  return parts.flatMap((part) => render(part, "", "")).join("");
}

/** The checked program: maps, then probes with the type of every expression. */
export function printTypes(program: CheckedProgram): string {
  const maps = program.maps.map((map) => `${mapLine(map)}\n`);
  return [...maps, ...program.probes.flatMap(probeLines)].join("");
}

function mapLine({ name, key, value, declared }: CheckedMap): string {
  const kind = declared ? ` (${declared.type}, ${declared.maxEntries})` : "";
  return `map ${name}${key ? `[${typeName(key)}]` : ""}: ${typeName(value)}${kind}`;
}

function probeLines({ targets, predicate, variables, body }: CheckedProbe): string[] {
  return [
    `probe ${targets.map(({ name }) => name).join(", ")}\n`,
    ...variables.map(({ name, type }) => `  variable ${name}: ${typeName(type)}\n`),
    ...(predicate ? render(predicate, "  ", "predicate ") : []),
    ...body.statements.flatMap((statement) => render(statement, "  ", "")),
  ];
}

type Node = Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null;
}

const silent: ReadonlySet<string> = new Set([
  "kind",
  "parts",
  "span",
  "nameSpan",
  "fieldSpan",
  "operatorSpan",
  "keySpan",
  "text",
]);

/** A node as its kind, its plain properties and its type; then its children, one step further in. */
function render(node: object, indent: string, label: string): string[] {
  const properties = Object.entries(node).filter(([key]) => !silent.has(key));
  let line = `${indent}${label}${nameOf(node)}`;
  const children: string[] = [];
  const inner = `${indent}  `;
  for (const [key, value] of properties) {
    if (isReference(key, value)) line += ` ${value.name}`;
    else if (key === "type" && isType(value)) line += `: ${typeName(value)}`;
    else if (Array.isArray(value)) children.push(...list(key, value, inner));
    else if (isNode(value)) children.push(...render(value, inner, childLabel(key)));
    else if (value !== undefined) line += plain(key, value);
  }
  return [`${line}\n`, ...children];
}

/** What is no node of the grammar has no kind: an attach point is shown as it was written. */
function nameOf(node: object): string {
  if ("kind" in node && typeof node.kind === "string") return node.kind;
  return "text" in node && typeof node.text === "string" ? node.text : "-";
}

/** Variables, maps and fields are known by their names. */
function isReference(key: string, value: unknown): value is { readonly name: string } {
  return ["variable", "map", "field"].includes(key) && isNode(value) && typeof value["name"] === "string";
}

/** Written types (kind `type`) are nodes of their own. */
function isType(value: unknown): value is Type {
  return isNode(value) && typeof value["kind"] === "string" && value["kind"] !== "type";
}

function childLabel(key: string): string {
  return ["operand", "left", "right", "value", "expression", "body"].includes(key) ? "" : `${key} `;
}

function list(key: string, values: readonly unknown[], indent: string): string[] {
  if (values.every((value) => !isNode(value)))
    return values.length === 0
      ? []
      : [`${indent}${key} ${values.map((value) => JSON.stringify(value)).join(" ")}\n`];
  return values.flatMap((value) => (isNode(value) ? render(value, indent, "") : []));
}

function plain(key: string, value: unknown): string {
  if (key === "name" || key === "operator") return ` ${String(value)}`;
  if (value === "") return "";
  if (typeof value === "string") return ` ${JSON.stringify(value)}`;
  return typeof value === "boolean" ? (value ? ` ${key}` : "") : ` ${String(value)}`;
}

// What the package exports, read from the declarations that the compiler writes: names, declarations and their
// comments. TypeScript 7 has no API to ask.
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root, run } from "./setup.mjs";

const OUT = join(root, ".cache", "api");

/** Every export of src/index.ts, by name: `{ name, kind, declaration, comment }`. */
export function readExports() {
  mkdirSync(OUT, { recursive: true });
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const info = join(OUT, ".tsbuildinfo");
  const flags = ["--declaration", "--emitDeclarationOnly", "--outDir", OUT, "--tsBuildInfoFile", info];
  run(process.execPath, [tsc, "-p", "tsconfig.build.json", ...flags]);
  const found = new Map();
  for (const [name, file] of namesOf(join(OUT, "index.d.ts"))) found.set(name, declarationOf(name, file));
  return found;
}

/** Names that a file exports, and the file that declares each. */
function namesOf(file) {
  const text = readFileSync(file, "utf8");
  const names = new Map();
  for (const [, star, list, specifier] of text.matchAll(
    /^export (?:type )?(?:(\*)|\{([^}]*)\})(?: from "([^"]+)")?;/gm,
  )) {
    if (specifier === undefined) continue;
    const from = namesOf(join(dirname(file), specifier.replace(/\.ts$/, ".d.ts")));
    if (star) for (const [name, place] of from) names.set(name, place);
    else
      for (const part of list.split(",")) {
        const [name, alias = name] = part
          .trim()
          .replace(/^type /, "")
          .split(" as ");
        if (name !== "") names.set(alias, from.get(name));
      }
  }
  for (const [, name] of text.matchAll(
    /^export (?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/gm,
  ))
    names.set(name, file);
  return names;
}

function declarationOf(name, file) {
  const text = readFileSync(file, "utf8");
  const pattern = new RegExp(
    String.raw`^export (?:declare )?(?:abstract )?(class|interface|type|function|const) ${name}\b`,
    "gm",
  );
  const parts = [...text.matchAll(pattern)].map(({ 1: kind, index }) => ({
    kind,
    declaration: text.slice(index, endOf(text, index)),
    comment: commentBefore(text, index),
  }));
  // Values and types of one name, and overloads, are told together.
  return {
    name,
    kind: parts[0].kind,
    declaration: parts.map(({ declaration }) => declaration).join("\n"),
    comment: parts.map(({ comment }) => comment).find((comment) => comment !== "") ?? "",
  };
}

/** Behind the declaration that begins at `start`: its `;` or last `}` outside all brackets. */
function endOf(text, start) {
  let depth = 0;
  const token =
    /\/\*[\s\S]*?\*\/|\/\/.*|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|=>|[{}()[\]<>;]/g;
  token.lastIndex = start;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [symbol] = match;
    if ("{([<".includes(symbol)) depth++;
    else if ("})]>".includes(symbol)) depth--;
    else if (symbol === ";" && depth === 0) return token.lastIndex;
    if (symbol === "}" && depth === 0 && /^[^=]*\b(class|interface)\b/.test(text.slice(start, start + 60)))
      return token.lastIndex;
  }
  return text.length;
}

/** Text of the documentation comment in front of `start`, without its stars. */
function commentBefore(text, start) {
  const before = text.slice(0, start);
  const found = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(before)?.[1] ?? "";
  return found
    .split("\n")
    .map((line) => line.replace(/^\s*\*? ?/, "").trimEnd())
    .join("\n")
    .trim();
}

/** A comment's parts: what it says, what it throws, its examples as code. */
export function parseComment(comment) {
  const [head, ...examples] = comment.split(/^@example\s*$/m);
  const [text, ...throws] = head.split(/(?:^|\s)@throws\s+/);
  return {
    text: link(text.trim()),
    throws: throws.map((one) => link(one.trim().replace(/\s+/g, " "))),
    examples: examples.flatMap((example) =>
      [...example.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code),
    ),
  };
}

function link(text) {
  return text.replace(/\{@link (?:[^}|]*\| ?)?([^}]+)\}/g, "`$1`");
}

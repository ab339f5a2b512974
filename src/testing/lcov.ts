import type { ProgramCoverage } from "../kernel/embedded/index.ts";

interface FileCoverage {
  readonly lines: Map<number, number>;
  readonly functions: Map<string, { readonly line: number; count: number }>;
}

/**
 * Coverage as lcov's tracefile, which genhtml and services read. A line's count is the highest of its
 * instructions in one program; programs that share a line add up.
 */
export function toLcov(programs: readonly ProgramCoverage[]): string {
  const files = new Map<string, FileCoverage>();
  for (const program of programs) addProgram(files, program);
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => printFile(name, file))
    .join("");
}

function addProgram(files: Map<string, FileCoverage>, program: ProgramCoverage): void {
  const highest = new Map<string, Map<number, number>>();
  for (const { file, line, count } of program.lines) {
    if (line === 0) continue;
    const lines = highest.get(file) ?? new Map<number, number>();
    highest.set(file, lines.set(line, Math.max(count, lines.get(line) ?? 0)));
  }
  for (const [name, lines] of highest) {
    const file = fileOf(files, name);
    for (const [line, count] of lines) file.lines.set(line, (file.lines.get(line) ?? 0) + count);
  }
  for (const { name, file, line, count } of program.functions) {
    if (file === "") continue;
    const { functions } = fileOf(files, file);
    functions.set(name, { line, count: count + (functions.get(name)?.count ?? 0) });
  }
}

function fileOf(files: Map<string, FileCoverage>, name: string): FileCoverage {
  let file = files.get(name);
  if (!file) files.set(name, (file = { lines: new Map(), functions: new Map() }));
  return file;
}

function printFile(name: string, { lines, functions }: FileCoverage): string {
  const numbered = [...lines].sort(([a], [b]) => a - b);
  const named = [...functions];
  return [
    "TN:",
    `SF:${name}`,
    ...named.map(([function_, { line }]) => `FN:${line},${function_}`),
    ...named.map(([function_, { count }]) => `FNDA:${count},${function_}`),
    `FNF:${named.length}`,
    `FNH:${named.filter(([, { count }]) => count > 0).length}`,
    ...numbered.map(([line, count]) => `DA:${line},${count}`),
    `LF:${numbered.length}`,
    `LH:${numbered.filter(([, count]) => count > 0).length}`,
    "end_of_record\n",
  ].join("\n");
}

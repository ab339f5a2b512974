import { gitignore, packageJson, tsconfig, type ProjectFile, type ProjectRequest } from "./common-files.ts";

/** A script of the tracing language, and TypeScript that runs it and reads its records as JSON. */
export function scriptFiles(request: ProjectRequest): ProjectFile[] {
  const { name } = request;
  return [
    packageJson(request, {
      build: "tsc",
      start: "npm run -s build && node dist/main.js",
      test: "npm run -s build && node --test dist/",
    }),
    tsconfig(),
    gitignore([]),
    { path: `src/${name}.bt`, text: SCRIPT },
    { path: "src/trace.ts", text: TRACE.replaceAll("NAME", name) },
    { path: "src/main.ts", text: MAIN },
    { path: "src/main.test.ts", text: TEST },
    { path: "README.md", text: README.replaceAll("NAME", name) },
  ];
}

const SCRIPT = `#!/usr/bin/env -S bpfkit trace

// System calls that fail, by program and error; with -c COMMAND only the command's own.
tracepoint:raw_syscalls:sys_exit
/args.ret < 0 && args.ret > -4096 && (cpid == 0 || pid == cpid)/
{
    @failures[comm, -args.ret] = count();
}
`;

const TRACE = `import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A line of \`bpfkit trace -f json\`. */
export interface TraceRecord {
  readonly type: string;
  readonly data: unknown;
}

/** Runs the script until \`signal\`, or until the command ends; its records come one by one, the maps last. */
export async function* trace(args: readonly string[], signal?: AbortSignal): AsyncGenerator<TraceRecord> {
  const child = spawn("bpfkit", ["trace", "-f", "json", "-q", ...args, "src/NAME.bt"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  signal?.addEventListener("abort", () => child.kill("SIGINT"));
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as TraceRecord;
}
`;

const MAIN = `import { trace } from "./trace.ts";

console.log("Counting system calls that fail; Ctrl-C ends it and shows them");
// Ctrl-C goes to the tracer too, which then prints its maps and ends.
process.on("SIGINT", () => undefined);
for await (const { type, data } of trace([])) console.log(type, data);
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import { trace } from "./trace.ts";

const skip = process.geteuid?.() === 0 ? false : "tracing takes root";

test("a file that is not there is counted", { skip }, async () => {
  const ENOENT = 2;
  const records = [];
  for await (const record of trace(["-c", "cat /no/such/file"])) records.push(record);
  const [map] = records.filter(({ type }) => type === "map");
  assert.match(JSON.stringify(map?.data), new RegExp(\`"cat,\${ENOENT}"\`));
});
`;

const README = `# NAME

A script of the tracing language, and TypeScript that runs it and reads its records.

\`\`\`sh
npm install
npm test          # runs the script on a command (as root)
sudo npm start    # runs it; Ctrl-C ends it and shows the counts
\`\`\`

| file | |
|---|---|
| \`src/NAME.bt\` | the script; \`bpfkit trace src/NAME.bt\` runs it alone |
| \`src/trace.ts\` | runs it, one record after another |
| \`src/main.ts\` | shows them |
| \`src/main.test.ts\` | tests |
`;

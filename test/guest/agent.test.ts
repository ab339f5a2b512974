import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "./repository.ts";

test("a command that is killed for its time says so, after what it printed", async () => {
  const agent = spawn(process.execPath, [join(repository(), "test/guest/agent.mjs")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const argv = ["sh", "-c", "printf half; exec sleep 60"];
  agent.stdin.write(`${JSON.stringify({ kind: "start", id: 1, argv, timeout: 1000 })}\n`);
  const messages: Record<string, unknown>[] = [];
  for await (const line of createInterface({ input: agent.stdout })) {
    messages.push(JSON.parse(line));
    if ("code" in messages.at(-1)!) break;
  }
  agent.kill();
  await once(agent, "close");
  expect(messages.slice(1)).toEqual([
    { id: 1, stdout: Buffer.from("half").toString("base64") },
    {
      id: 1,
      code: null,
      signal: "SIGKILL",
      timedOut: true,
      error: "sh was killed: it ran for more than 1 s\n",
    },
  ]);
});

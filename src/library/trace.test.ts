import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compile, trace } from "./index.ts";
import { canLoad, closesAll, openDescriptors } from "./test-object.test-util.ts";

let before = 0;
beforeEach(() => {
  before = openDescriptors();
});
afterEach(async () => {
  // Handles of the event loop close in its next turn.
  await new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
  expect(openDescriptors(), "descriptors that are open").toBe(before);
});

describe.skipIf(!canLoad)("a trace session", () => {
  it("gives what its script tells, and closes everything", async () => {
    await closesAll(async () => {
      await using session = await trace('BEGIN { printf("%d %s\\n", 1 + $1, "x"); @a[1] = 2; exit(5); }', {
        parameters: ["41"],
      });
      const events = [];
      for await (const event of session) events.push(event);
      expect(events).toMatchObject([
        { kind: "attached" },
        { kind: "printf", args: [42, "x"] },
        { kind: "map", map: { name: "@a", entries: [{ key: 1, value: 2 }] } },
      ]);
      expect(await session.ended).toBe(5);
    });
  });

  it("ends when it is told to, by whatever means", async () => {
    await closesAll(async () => {
      const compiled = await compile("interval:ms:1 { print(1); }");
      const ending = new AbortController();
      let count = 0;
      for await (const { kind } of await trace(compiled, { signal: ending.signal }))
        if (kind === "value" && ++count === 3) ending.abort();
      expect(count).toBeGreaterThanOrEqual(3);
      for await (const { kind } of await trace(compiled)) if (kind === "value") break;
      await using unread = await trace(compiled);
      unread.stop();
      expect(await unread.ended).toBe(0);
      const late = await trace(compiled, { signal: AbortSignal.abort() });
      expect(await late.ended).toBe(0);
    });
  });

  it("counts what nobody read", async () => {
    await using session = await trace("BEGIN { for ($i : 0..10) { print($i); } }", { limit: 4 });
    await session.ended;
    const kinds = [];
    for await (const event of session) kinds.push(event.kind === "lost" ? event.events : event.kind);
    expect(kinds).toEqual(["attached", "value", "value", "value", 7]);
  });

  it("says what is wrong with a script, and with what it may not do", async () => {
    await closesAll(async () => {
      await expect(compile("BEGIN { $x = nope(); }")).rejects.toMatchObject({ name: "DiagnosticError" });
      await expect(trace('BEGIN { system("true"); }')).rejects.toThrow(/unsafe|change the system/);
    });
  });
});

import { describe, expect, it } from "vitest";
import { Child, splitCommand } from "./child.ts";

describe("the -c command", () => {
  it("splits words as a shell does", () => {
    expect(splitCommand(`ls -l  'a b' "c \\"d\\"" e\\ f`)).toEqual(["ls", "-l", "a b", 'c "d"', "e f"]);
    expect(splitCommand("")).toEqual([]);
    expect(splitCommand(`x 'don''t' ""`)).toEqual(["x", "dont", ""]);
  });

  it("runs nothing before it is let go, then the program with its own exit code", async () => {
    using child = Child.start("sh -c 'exit 3'");
    const first = await Promise.race([child.ended, Promise.resolve("waiting")]);
    expect(first).toBe("waiting");
    child.go();
    expect(await child.ended).toEqual({ code: 3, signal: null });
  });

  it("never runs the program when the session fails before", async () => {
    const child = Child.start("sh -c 'exit 3'");
    child[Symbol.dispose]();
    expect(await child.ended).not.toMatchObject({ code: 3 });
  });

  it("names a program that is not there", () => {
    expect(() => Child.start("no-such-program-here 1")).toThrow(
      'Cannot run "no-such-program-here": there is no such program',
    );
  });
});

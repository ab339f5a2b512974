import { describe, expect, test } from "vitest";
import { batchCommands } from "./batch.ts";
import { formatJson, Members } from "./json.ts";
import { takeOptions } from "./options.ts";
import { subcommands } from "./subcommands.ts";
import { tokenMounts } from "./token-show.ts";

describe("batch files", () => {
  test("comments, continued lines and quotes", () => {
    const text = `# all
prog show   # the rest is a comment
map \\
  show name "a b"
\t
link 'show'
`;
    expect(batchCommands(text)).toEqual([
      ["prog", "show"],
      ["map", "show", "name", "a b"],
      ["link", "show"],
    ]);
  });

  test("a quote without end and a line that is not continued are errors with the command's number", () => {
    expect(() => batchCommands("prog show\nmap show name 'x\n")).toThrow(
      "unterminated quoted string in command 1",
    );
    expect(() => batchCommands("prog \\")).toThrow("missing continuation line on command 0");
  });
});

describe("options", () => {
  test("short ones in one word, long ones shortened, a value behind or beside, anywhere", () => {
    expect(takeOptions(["-jf", "prog", "--pre", "show", "-B/x", "--", "-n"])).toMatchObject({
      options: { json: true, pretty: true, pins: true, noMount: false, baseBtf: "/x" },
      rest: ["prog", "show", "-n"],
    });
    expect(takeOptions(["--base-btf=/y"]).options.baseBtf).toBe("/y");
    expect(takeOptions(["-B", "/z"]).options.baseBtf).toBe("/z");
  });

  test.each([
    [["-x"], "unrecognized option '-x'"],
    [["--b"], "unrecognized option '--b'"],
    [["-B"], "expects a file"],
    [["-S"], "option '-S' is not supported"],
  ])("%j is refused", (words, message) => {
    expect(() => takeOptions(words)).toThrow(message);
  });
});

test("file systems that hand out rights, from /proc/mounts", () => {
  const mounts = `bpf /sys/fs/bpf bpf rw,relatime 0 0
tmpfs /tmp tmpfs rw,delegate_cmds=x 0 0
bpf /tmp/a\\040b bpf rw,delegate_cmds=prog_load:map_create,delegate_progs=any 0 0
`;
  expect(tokenMounts(mounts)).toEqual([
    {
      directory: "/tmp/a b",
      allowed: [
        ["allowed_cmds", ["prog_load", "map_create"]],
        ["allowed_maps", []],
        ["allowed_progs", ["any"]],
        ["allowed_attachs", []],
      ],
    },
  ]);
});

test("names that repeat stay in JSON", () => {
  const value = new Members([
    ["", 1],
    ["", new Members([])],
  ]);
  expect(formatJson(value, false)).toBe('{"":1,"":{}}');
});

test("commands of an object, for completion", () => {
  expect(subcommands("link")).toEqual(["show", "list", "pin", "detach", "help"]);
  expect(subcommands("trace")).toEqual([]);
});

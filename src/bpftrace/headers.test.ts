import { describe, expect, it } from "vitest";
import { withHeaders } from "./headers.ts";
import { parse } from "./parse.ts";
import type { World } from "./world.ts";

const FILES: Readonly<Record<string, string>> = {
  "lib/outer.h":
    '#ifndef OUTER\n#define OUTER\n#include "inner.h"\nstruct outer { struct inner one; };\n#endif',
  "lib/inner.h":
    '#include "outer.h"\nstruct inner { int a; };\nstatic inline int f(int x) { return x; }\nint v = 1;',
  "lib/broken.h": "struct broken { int a;",
};

const world: Pick<World, "header"> = {
  header(path, folder) {
    const name = folder === undefined ? `lib/${path}` : `${folder}${path}`;
    const text = FILES[name] ?? FILES[`lib/${path}`];
    return text === undefined ? undefined : { name: `lib/${path}`, text };
  },
};

function preludeOf(text: string, first: readonly string[] = []): { items: string[]; errors: string[] } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only headers are asked for
  const { program, diagnostics } = withHeaders(parse({ name: "test.bt", text }), first, world as World);
  return {
    items: program.prelude.map((item) =>
      item.kind === "c" ? item.text : item.kind === "define" ? item.name : item.path,
    ),
    errors: diagnostics.map(({ message }) => message),
  };
}

describe("headers", () => {
  it("stand where they are included, once, and what scripts cannot use is left out", () => {
    expect(preludeOf('#define FIRST 1\n#include <outer.h>\n#include "inner.h"\nBEGIN {}')).toEqual({
      items: ["FIRST", "OUTER", "struct inner { int a; };", "struct outer { struct inner one; };"],
      errors: [],
    });
  });

  it("that nobody has ask for nothing, unless the command line names them", () => {
    expect(preludeOf("#include <linux/sched.h>\nBEGIN {}")).toEqual({ items: ["linux/sched.h"], errors: [] });
    expect(preludeOf("BEGIN {}", ["no.h"]).errors).toEqual(["There is no header no.h"]);
  });

  it("are told by their own name when they are broken", () => {
    expect(preludeOf('#include "broken.h"\nBEGIN {}').errors).toEqual([
      "C declaration without a closing '}'",
    ]);
  });
});

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "../parse.ts";
import { printSyntax } from "../print-tree.ts";
import { formatScript } from "./format.ts";

const root = new URL("../../..", import.meta.url).pathname;
const scripts = ["bench/scripts", "examples"].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".bt"))
    .map((name) => join(folder, name)),
);

function parsed(text: string): ReturnType<typeof parse>["program"] {
  const { program, diagnostics } = parse({ name: "test.bt", text });
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return program;
}

function format(text: string): string {
  return formatScript(parsed(text));
}

/** What formatting must keep: everything but white space, and what the parser sees. */
function expectSame(before: string, after: string): void {
  expect(after.replaceAll(/\s+/g, "")).toBe(before.replaceAll(/\s+/g, ""));
  expect(printSyntax(parsed(after))).toBe(printSyntax(parsed(before)));
}

describe("formatter", () => {
  it("every construct", async () => {
    const text = `#!/usr/bin/env bpfkit trace
/* head
   comment */
#include <linux/sched.h>
#ifdef NOWHERE
BEGIN{what ever}
#endif
struct Foo { int a;
             char *b; }
config={max_map_keys=3;stack_mode="perf"}
let @a=hash(10);
macro twice($x,@m){$x*2}
// about begin
BEGIN{printf("%d  %s\\n",1,"x");@x[1,2]=count();// trailing
if(pid==3&&tid!=4){exit()}else if(pid==2){print(1)}else{$a=-1;$b=(uint64)$a*2;$a++}


while($a<3){$a++;--$a;}
for($i:0..10){print($i);}for($kv:@x){print($kv.0)}
unroll(3){print(2);}
$t=(1,2,);$u=$t.0?1:2;let $z:uint64=3;let $y:uint64* =0;
$p=*(uint64*)$z;$q=(struct task_struct*)curtask;$n=$q->mm->pgd;_=!$a;_=~$a; _=&$b;
$m=- -$a;$k=$a - -1;$v={$c=1;$c};$w=if($a){1}else{2};
printf("%s %d %d\\n",
comm, /* in the middle */ pid,
   // the last
   tid);
$o=sizeof(struct Foo)+offsetof(struct Foo,b);@y[comm]=lhist($a,0,10,1);
}
tracepoint:syscalls:sys_enter_open , tracepoint:syscalls:sys_enter_openat/pid==1&&4/2==2/{@[comm]=count()}
uprobe:/bin/bash:readline /arg0/{print(str(arg0));}

k:f{}


k:g{ // nothing
}
`;
    const formatted = format(text);
    expectSame(text, formatted);
    await expect(formatted).toMatchFileSnapshot("golden/constructs.bt");
  });

  it.each(scripts)("%s stays the same script, and formatted it stays as it is", (path) => {
    const text = readFileSync(join(root, path), "utf8");
    const formatted = format(text);
    expectSame(text, formatted);
    expect(format(formatted)).toBe(formatted);
  });

  it("any white space and comments between tokens", () => {
    const gap = fc.constantFrom(
      " ",
      "\n",
      "\n\n\n",
      "  ",
      "\t",
      " /* a */ ",
      " // b\n",
      "\n// c\n",
      "\n/* d */\n",
    );
    const tokens =
      `BEGIN { $a = - 1 ; if ( $a == ( uint64 ) 2 * 3 ) { @x [ 1 , pid ] = count ( ) ; } else { $a ++ ; } for ( $k : @x ) { print ( $k . 0 ) } $v = { $a ? 1 : 2 } ; }`.split(
        " ",
      );
    fc.assert(
      fc.property(fc.array(gap, { minLength: tokens.length, maxLength: tokens.length }), (gaps) => {
        const text = tokens.map((token, index) => token + gaps[index]!).join("");
        const formatted = format(text);
        expectSame(text, formatted);
        expect(format(formatted)).toBe(formatted);
      }),
    );
  });
});

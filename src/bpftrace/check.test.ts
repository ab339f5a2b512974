import { describe, expect, test } from "vitest";
import { shown, typesOf, world } from "./fakes.test-util.ts";
import { functionRows } from "./functions.ts";
import { mapFunctionRows } from "./map-functions.ts";

describe("types", () => {
  test.each([
    [
      "ints of several sizes and literals",
      "BEGIN { $a = 1; $b = (uint8)2; $b = 300; $c = pid; $c = 5; @m = -1; @m = pid; }",
    ],
    [
      "map types come from all probes, whatever their order",
      'BEGIN { $x = @a[1]; print(@b) } END { @a[pid] = "text"; @b = @a[2]; }',
    ],
    [
      "args of a tracepoint",
      'tracepoint:syscalls:sys_enter_open { printf("%s %d", str(args->filename), args.flags); join(args.argv); }',
    ],
    ["args and retval of fexit", "fexit:wake_up { print((args.task->comm, retval, arg1)) }"],
    [
      "a walk through kernel records",
      "kprobe:vfs_read { $t = (struct task_struct *)curtask; @[$t->parent->tgid] = count(); $n = curtask->comm; }",
    ],
    [
      "aggregates",
      "BEGIN { @a = count(); @b[comm] = sum(pid); @c = hist(1, 2); @d = lhist(5, 0, 10, 1); @e = avg(-3); $x = (int64)@a; if (@a > 5) { } }",
    ],
    [
      "constants are folded",
      'BEGIN { $a = 2 * 3 + (1 << 4); $b = sizeof(uint32) == 4; if (false) { $c = 1 } $d = "a" == "b"; }',
    ],
    ["enumerators and defines", "#define N (2 + 3)\nBEGIN { $a = N * 2; $b = BLUE; $c = (enum color)7; }"],
    ["macros", "macro add(a, $b) { $b += a; $b } BEGIN { $x = (uint64)1; $y = add(2, $x); }"],
    [
      "loops",
      'BEGIN { @m[1] = "a"; $s = 0; for ($kv : @m) { $s += 1; print($kv.1) } for ($i : 0..3) { print($i) } unroll(2) { $s++ } }',
    ],
    [
      "C records of the script",
      "struct s { char a; int b:3, c:7; union { long d; short e[2]; }; struct s *next; }; BEGIN { $p = (struct s *)0; print($p->c); print($p->next->d); $z = sizeof(struct s); }",
    ],
    [
      "addresses of user symbols",
      'uprobe:bash:readline { print(*uaddr("count")) } uprobe:app:main+4, uprobe:app:0x100 { $x = uaddr("count"); $f = uaddr("main") }',
    ],
    ["positional parameters", "BEGIN { $a = $1; $b = str($2); $c = $#; $d = str($3); }"],
    [
      "blocks and conditions as values",
      'BEGIN { $a = if (pid) { 1 } else { 2 }; $b = { let $c = comm; $c }; $d = pid ? comm : "none"; }',
    ],
  ])("%s", (_, text) => {
    expect(typesOf(text, { positional: ["7", "hello"] })).toMatchSnapshot();
  });
});

describe("probes", () => {
  test.each([
    ["kprobe:vfs_* { }", "probe kprobe:vfs_read, kprobe:vfs_write\n"],
    ["k:xfs:*read { }", "probe kprobe:xfs:xfs_read\n"],
    [
      "tracepoint:syscalls:* { }",
      "probe tracepoint:syscalls:sys_enter_open, tracepoint:syscalls:sys_enter_openat\n",
    ],
    ["BEGIN, END { }", "probe begin\nprobe end\n"],
    ["i:s:1, profile:hz:99, interval:10ms { }", "probe interval:s:1, interval:10ms\nprobe profile:hz:99\n"],
    ["uprobe:bash:read* { }", "probe uprobe:/usr/bin/bash:readline\n"],
    ["kfunc:wake_up { }", "probe fentry:vmlinux:wake_up\n"],
    ["s:faults:10, h:cycles { }", "probe software:page-faults:10\nprobe hardware:cpu-cycles:\n"],
    ["kprobe:$1 { }", "probe kprobe:vfs_read\n"],
  ])("%s", (text, expected) => {
    expect(typesOf(text, { positional: ["vfs_read"] })).toBe(expected);
  });
});

describe("findings", () => {
  test.each<[string, string[]]>([
    ["BEGIN { $x = pidd; }", ["error 'pidd': Unknown name 'pidd' (Did you mean 'pid'?)"]],
    [
      'uprobe:app:main { print(uaddr("maim")) }',
      [
        `error '"maim"': '/usr/bin/app' has no symbol 'maim' (Did you mean 'main'? Variables have symbols only in files that are not stripped.)`,
      ],
    ],
    ['BEGIN { prinf("a"); }', ["error 'prinf': Unknown function 'prinf' (Did you mean 'printf'?)"]],
    [
      "kprob:vfs_read { }",
      ["error 'kprob:vfs_read': Unknown kind of probe 'kprob' (Did you mean 'kprobe'?)"],
    ],
    [
      "kprobe:vfs_reed { }",
      ["error 'kprobe:vfs_reed': No kernel function 'vfs_reed' can be probed (Did you mean 'vfs_read'?)"],
    ],
    [
      "tracepoint:syscalls:sys_enter_opem { @ = args.x }",
      [
        "error 'tracepoint:syscalls:sys_enter_opem': There is no tracepoint 'syscalls:sys_enter_opem' (Did you mean 'syscalls:sys_enter_open'?)",
      ],
    ],
    [
      "tracepoint:syscalls:sys_enter_open { print(args.filname) }",
      [
        "error 'filname': tracepoint:syscalls:sys_enter_open has no field 'filname' (Did you mean 'filename'?)",
      ],
    ],
    [
      "BEGIN { $t = (struct task_strict *)0; }",
      ["error 'struct task_strict *': Unknown type 'struct task_strict' (Did you mean 'task_struct'?)"],
    ],
    [
      "BEGIN { print(curtask->piid) }",
      ["error 'piid': struct task_struct has no field 'piid' (Did you mean 'pid'?)"],
    ],
    [
      "BEGIN { print($x) }",
      ["error '$x': Undefined variable '$x' (Assign to it before, in this block or one around it.)"],
    ],
    ["BEGIN { print(@x) }", ["error '@x': Undefined map '@x': nothing is ever assigned to it"]],
    [
      "BEGIN { if (1 == pid) { $x = 1 } print($x) }",
      ["error '$x': Undefined variable '$x' (Assign to it before, in this block or one around it.)"],
    ],
    [
      'BEGIN { $x = 1; $x = "a"; }',
      ["error '$x = \"a\"': '$x' is int64: a value of type string[2] cannot be assigned to it"],
    ],
    [
      "BEGIN { @x = 1; @x = count(); }",
      ["error '@x = count()': '@x' holds int64: it cannot take count() as well"],
    ],
    ['BEGIN { @x[1] = 1; @x["a"] = 2; }', ["error '\"a\"': The key does not fit the other keys of '@x'"]],
    ["BEGIN { @x = 1; @x[1] = 2; }", ["error '@x[1]': '@x' is used without a key elsewhere"]],
    [
      'BEGIN { system("ls") }',
      [
        "error 'system(\"ls\")': system() is unsafe: it changes what the system does (Allow it with --unsafe.)",
      ],
    ],
    [
      'BEGIN { printf("%d %s", 1) }',
      ["error '\"%d %s\"': printf() has not enough arguments: its format takes 2, given are 1"],
    ],
    [
      'BEGIN { printf("%s", pid) }',
      [
        "error 'pid': printf() cannot print uint32 with '%s' (Print a number with %d or %x, or read the string at that address: str(address).)",
      ],
    ],
    ['BEGIN { printf("%y", 1) }', ["error '\"%y\"': printf() knows no conversion '%y'"]],
    [
      "BEGIN { str() }",
      ["error 'str()': str() takes at least 1 argument, given are 0 (It is str(pointer[, length]).)"],
    ],
    ["BEGIN { print(arg0) }", ["error 'arg0': 'arg0' is not available in begin probes"]],
    ['BEGIN { $x = "a" + 1; $y = comm - 1; }', ["error 'comm': '-' needs a number, but this is string[16]"]],
    ["BEGIN { if (comm == 5) { } }", ["error 'comm == 5': Cannot compare string[16] with int64"]],
    ["BEGIN { unroll(0) { } }", ["error '0': unroll() needs a constant from 1 to 100"]],
    ["BEGIN { break; }", ["error 'break': 'break' is only allowed inside a loop"]],
    [
      "BEGIN { @ = lhist(1, 10, 5, 1); }",
      ["error 'lhist(1, 10, 5, 1)': lhist() needs a most value above the least one"],
    ],
    ["BEGIN { $x = 1 / 0; }", ["warning '1 / 0': Division by zero yields 0"]],
    [
      "config = { max_strln = 5 } BEGIN { }",
      ["error 'max_strln': Unknown setting 'max_strln' (Did you mean 'max_strlen'?)"],
    ],
    [
      "config = { missing_probes = maybe } BEGIN { }",
      [
        "error 'missing_probes = maybe': 'maybe' is no value of the setting 'missing_probes' (The values are error, warn, ignore.)",
      ],
    ],
    [
      "interval:weeks:1 { }",
      ["error 'interval:weeks:1': 'weeks' is no unit of interval (Use hz, s, ms or us.)"],
    ],
    ["kprobe { }", ["error 'kprobe': 'kprobe' is not of the form kprobe:[MODULE:]FUNCTION[+OFFSET]"]],
    ["macro m(a) { m(a) } BEGIN { m(1) }", ["error 'm(a)': The macro 'm' calls itself without end"]],
    [
      "BEGIN { kstack(foo) }",
      ["error 'foo': 'foo' is no stack mode (The modes are bpftrace, perf, raw, build_id.)"],
    ],
  ])("%s", (text, expected) => {
    expect(shown(text)).toEqual(expected);
  });

  test("without BTF the message says what is missing", () => {
    const { btf: _, ...bare } = world;
    expect(shown("BEGIN { $x = (struct task_struct *)0; }", {}, bare)).toEqual([
      "error 'struct task_struct *': Unknown type 'struct task_struct' (There is no BTF here to take kernel types from: give one with --btf FILE, or declare the type in the script.)",
    ]);
  });
});

test("every row names itself", () => {
  const names = [...functionRows, ...mapFunctionRows].map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, signature, arity } of functionRows) {
    expect(signature.startsWith(`${name}(`)).toBe(true);
    expect(arity[0]).toBeLessThanOrEqual(arity[1]);
  }
});

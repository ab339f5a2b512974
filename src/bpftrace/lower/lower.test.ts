import { expect, test } from "vitest";
import { printModule, validateModule } from "../../ir/index.ts";
import { none, pointerTo, stringOf, type Type, uint32, uint64, voidType } from "../types.ts";
import { lower, type Lowered } from "./lower.ts";
import { PORTABLE } from "./target.ts";
import {
  aggregate,
  argument,
  argv,
  arithmetic,
  assign,
  begin,
  builtin,
  call,
  comm,
  comparison,
  effect,
  element,
  filename,
  increment,
  integer,
  loop,
  map,
  NATIVE,
  pid,
  printf,
  program,
  read,
  reference,
  ret,
  setElement,
  text,
  tid,
  tracepoint,
  tuple,
  variable,
  when,
} from "./typed-tree.test-util.ts";

const count: Type = { kind: "count", signed: false };
const start = map("@start", uint64, uint32);
const latencies = map("@us", { kind: "hist", bits: 0 }, stringOf(16));
const nsecs = builtin("nsecs", uint64);

function compile(checked: ReturnType<typeof program>, target = NATIVE): Lowered {
  const lowered = lower(checked, { target });
  expect(lowered.diagnostics).toEqual([]);
  for (const { module } of lowered.programs) validateModule(module);
  return lowered;
}

function ir(lowered: Lowered): string {
  return lowered.programs.map(({ module }) => printModule(module)).join("\n");
}

function calls(lowered: Lowered, helper: string): number {
  return ir(lowered).split(` ${helper}#`).length - 1;
}

const execve = program(
  [],
  tracepoint([printf("%-6d %-8s", pid, comm), effect(call("join", none, argument(argv)))]),
);

test("printf and join share one record that is as long as its strings", async () => {
  const lowered = compile(execve);
  await expect(ir(lowered)).toMatchFileSnapshot("goldens/execve.txt");
  expect(lowered.plan.records).toEqual([
    {
      size: 28,
      actions: [
        {
          kind: "printf",
          format: "%-6d %-8s",
          args: [
            { name: "", offset: 4, type: { kind: "int", size: 4, signed: false } },
            { name: "", offset: 8, type: { kind: "string", size: 16 } },
          ],
        },
        { kind: "join", separator: " ", offset: 24 },
      ],
    },
  ]);
});

test("a portable program leaves tracepoint offsets to the loader", () => {
  expect(ir(compile(execve, PORTABLE))).toContain("sys_enter_test");
  expect(ir(compile(execve))).not.toContain("sys_enter_test.argv");
});

test("what the compiler knows does not travel", () => {
  const lowered = compile(program([], begin([printf("%s %d", text("TIME"), integer(5))])));
  const [record] = lowered.plan.records;
  expect(record?.size).toBe(4);
  expect(record?.actions[0]).toMatchObject({ args: [{ constant: "TIME" }, { constant: "5" }] });
});

test("a predicate's lookup serves the body, and its key the deletion", async () => {
  const body = [
    aggregate(latencies, comm, arithmetic(nsecs, "-", element(start, tid))),
    effect(call("delete", none, reference(start), tid)),
  ];
  const lowered = compile(program([start, latencies], tracepoint(body, { predicate: element(start, tid) })));
  expect(calls(lowered, "map_lookup_elem")).toBe(2);
  expect(calls(lowered, "get_current_pid_tgid")).toBe(1);
  await expect(ir(lowered)).toMatchFileSnapshot("goldens/latency.txt");
});

test("a change of the map ends what is known of its elements", () => {
  const body = [
    printf("%d", element(start, tid)),
    setElement(start, tid, nsecs),
    printf("%d", element(start, tid)),
  ];
  expect(calls(compile(program([start], tracepoint(body))), "map_lookup_elem")).toBe(2);
});

test("a loop's second round does not use what the first one knew", () => {
  const i = variable("$i", uint64);
  const body = [
    assign(i, integer(0, uint64)),
    effect(call("has_key", none, reference(start), tid)),
    loop(comparison(read(i), "<", integer(3, uint64)), [
      printf("%d", element(start, tid)),
      effect(call("delete", none, reference(start), tid)),
      assign(i, arithmetic(read(i), "+", integer(1, uint64))),
    ]),
  ];
  expect(calls(compile(program([start], begin(body, { variables: [i] }))), "map_lookup_elem")).toBe(2);
});

test("scalar maps are written without a lookup", () => {
  const scalar = map("@x", uint64);
  const lowered = compile(program([scalar], tracepoint([effect(increment(element(scalar)))])));
  expect(calls(lowered, "map_lookup_elem")).toBe(0);
  expect(ir(lowered)).toContain("atomic add void u64 [value(x+0)], 1");
  expect(lowered.maps.find(({ name }) => name === "x")).toMatchObject({ type: 2, valueSize: 16 });
});

test("strings are read no further than a comparison needs", () => {
  const path = call("str", stringOf(1024), argument(filename));
  const hits = map("@hits", count);
  const lowered = compile(
    program(
      [hits],
      tracepoint([when(comparison(path, "==", text("/etc/passwd")), [aggregate(hits, undefined)])]),
    ),
  );
  expect(lowered.maps.map(({ name }) => name)).not.toContain("bpfkit_scratch");
  expect(ir(lowered)).toMatch(/probe_read_user_str#114\(\S+, 13, /);
});

test("keys are clean: padding and what follows a string are cleared", () => {
  const key = tuple(pid, comm, argument(ret));
  const seen = map("@", count, key.type);
  const lowered = compile(program([seen], tracepoint([aggregate(seen, key)])));
  // 4 bytes pid, 16 bytes name, 4 bytes of padding, 8 bytes number.
  expect(ir(lowered)).toContain("fill 4 align 4 [s2 + 20], 0");
});

test("other processes leave first when one is traced", () => {
  const traced = lower(program([], tracepoint([printf("x")])), { target: NATIVE, pid: 42 });
  expect(ir(traced)).toMatch(/if eq i32 %\d+, 42/);
  const later = lower(program([], tracepoint([printf("x")])), { target: NATIVE, pid: "global" });
  expect(later.plan.config.globals.pid).toBe(8);
});

test("actions after exit are never sent", () => {
  const lowered = compile(program([], begin([effect(call("exit", none)), printf("never")])));
  expect(lowered.plan.records).toHaveLength(1);
});

test("what cannot be compiled is an error with its place", () => {
  const unknown = call("skboutput", pointerTo(voidType, "kernel"));
  const { diagnostics } = lower(program([], begin([effect(unknown)])), { target: NATIVE });
  expect(diagnostics[0]).toMatchObject({ severity: "error", code: "bpftrace/not-yet" });
});

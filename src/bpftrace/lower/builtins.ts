import type { Value } from "../../ir/index.ts";
import type { TypedExpression } from "../typed.ts";
import type { Body } from "./body.ts";
import { callReader } from "./failure.ts";
import { isKernelRecord } from "./place.ts";
import { asNumber, extend, integer } from "./scalar-form.ts";
import { programKinds } from "./program-kind.ts";
import { registerLayout } from "./target.ts";
import { GLOBALS, type PidNamespace } from "./unit.ts";
import type { PlanGlobals } from "../../object/index.ts";

type Builtin = TypedExpression & { readonly kind: "builtin" };
type Emit = (body: Body, builtin: Builtin) => Value;

/** pid and tid in one number. */
function pidTgid(body: Body): Value {
  const { pidNamespace } = body.unit;
  return body.once("pid_tgid", () =>
    pidNamespace ? namespacedPid(body, pidNamespace) : body.code.helper("get_current_pid_tgid"),
  );
}

/** struct bpf_pidns_info { u32 pid, tgid; }, read as one number; zeros for tasks outside the namespace. */
function namespacedPid(body: Body, { device, inode }: PidNamespace): Value {
  const { b, code } = body;
  const { base } = body.permanent(8, 8, "pids");
  code.helper("get_ns_current_pid_tgid", b.i64(device), b.i64(inode), base, b.i32(8));
  return b.load("i64", 8, base);
}
function uidGid(body: Body): Value {
  return body.once("uid_gid", () => body.code.helper("get_current_uid_gid"));
}

export function currentPid(body: Body): Value {
  const { b } = body;
  return body.once("pid", () => b.convert("trunc", b.binary("lshr", pidTgid(body), b.i64(32))));
}

export function currentTid(body: Body): Value {
  return body.once("tid", () => low(body, pidTgid(body)));
}

function low(body: Body, value: Value): Value {
  return body.b.convert("trunc", value);
}

/** A number that the session wrote before the program ran. */
function global(body: Body, name: Exclude<keyof PlanGlobals, "map" | "size" | "lost" | "failures">): Value {
  return body.b.load("i64", 8, body.b.mapValue(GLOBALS, body.unit.global(name)));
}

export function bootTime(body: Body): Value {
  return body.code.helper("ktime_get_boot_ns");
}

/** A register of the interrupted code, from the struct pt_regs that the context starts with. */
export function register(body: Body, offset: number): Value {
  return body.b.load("i64", 8, body.context, { offset });
}

function registers(body: Body): NonNullable<ReturnType<typeof registerLayout>> {
  const layout = registerLayout(body.unit.target.arch);
  if (layout === undefined) throw new RangeError(`no register layout of ${body.unit.target.arch}`);
  return layout;
}

/** One u64 of a context that is an array of arguments. */
export function slot(body: Body, index: number): Value {
  return body.b.load("i64", 8, body.context, { offset: index * 8 });
}

function isSlotted(body: Body): boolean {
  return programKinds[body.probe.kind].slotted === true;
}

function argument(body: Body, index: number, span: Builtin["span"]): Value {
  if (body.target.arguments !== undefined) return staticArgument(body, index, span);
  if (isSlotted(body)) return slot(body, index);
  const { args, stackPointer } = registers(body);
  const offset = args[index];
  if (offset !== undefined) return register(body, offset);
  // Behind the return address on the stack.
  const { b } = body;
  const address = b.add(register(body, stackPointer), b.i64(8 * (index - args.length + 1)));
  const user = body.probe.kind === "uprobe" || body.probe.kind === "usdt";
  const place = body.temporary(8, 8, "arg");
  const to = place.offset === 0 ? place.base : b.add(place.base, b.i64(place.offset));
  callReader(body, user ? "probe_read_user" : "probe_read_kernel", to, b.i32(8), address);
  return b.load("i64", 8, place.base, { offset: place.offset });
}

/** An argument of a static probe, which is where the compiler said that it would be. */
function staticArgument(body: Body, index: number, span: Builtin["span"]): Value {
  const { b, target, unit } = body;
  const known = target.arguments ?? [];
  const argument = typeof known === "string" ? undefined : known[index];
  if (!argument) {
    const what =
      typeof known === "string"
        ? `the arguments of '${target.name}' cannot be read: ${known}`
        : `'${target.name}' has ${known.length} argument${known.length === 1 ? "" : "s"}`;
    unit.error("builtin-not-here", `There is no arg${index}: ${what}`, span);
    return b.i64(0);
  }
  const { place, size, signed } = argument;
  if (place.kind === "constant") return b.i64(place.value);
  // Half a register, as %ah, begins within its word.
  const whole = (at: number): Value => register(body, at - (at % 8));
  if (place.kind === "register")
    return narrow(b, whole(place.register), { size, signed }, (place.register % 8) * 8);
  let address: Value = b.i64(place.offset);
  if (place.register !== undefined) address = b.add(whole(place.register), address);
  if (place.index)
    address = b.add(
      address,
      b.binary("shl", whole(place.index.register), b.i64(Math.log2(place.index.scale))),
    );
  const { base, offset } = body.temporary(8, 8, "arg");
  const to = offset === 0 ? base : b.add(base, b.i64(offset));
  b.store(8, base, b.i64(0), { offset });
  callReader(body, "probe_read_user", to, b.i32(size), address);
  return narrow(b, b.load("i64", 8, base, { offset }), { size, signed });
}

/** A number of fewer bytes in the low end of a word, `from` bits up. */
function narrow(
  b: Body["b"],
  word: Value,
  { size, signed }: { readonly size: number; readonly signed: boolean },
  from = 0,
): Value {
  const spare = 64 - size * 8;
  if (spare === 0) return word;
  return b.binary(signed ? "ashr" : "lshr", b.binary("shl", word, b.i64(spare - from)), b.i64(spare));
}

function returned(body: Body, { index, type }: Builtin): Value {
  if (!isSlotted(body)) return register(body, registers(body).result);
  const { args } = body.probe;
  const parameters = args?.origin.kind === "parameters" ? args.origin.fields : [];
  const value = slot(body, index ?? parameters.filter((field) => field.name !== "retval").length);
  if (type.kind === "pointer" && isKernelRecord(type.target)) body.typed.set(value, "untrusted");
  return value;
}

export function currentTask(body: Body): Value {
  if (!body.unit.target.features.currentTaskBtf) return body.code.helper("get_current_task");
  const task = body.once("task", () => body.code.helper("get_current_task_btf"));
  body.typed.set(task, "trusted");
  return task;
}

/** Address of the traced function, or one inside of it. */
export function currentFunction(body: Body): Value {
  const { probe, target, unit, b, code, context } = body;
  const { attach } = target;
  const atEntry = probe.kind === "kprobe" || probe.kind === "uprobe" || probe.kind === "usdt";
  if (atEntry) return register(body, registers(body).instructionPointer);
  if (unit.target.features.functionAddress) return code.helper("get_func_ip", context);
  if (attach.kind === "fentry") return b.ksym(attach.function);
  return register(body, registers(body).instructionPointer);
}

/** x86: the lowest bits of cs are the privilege level. */
function isUserMode(body: Body): Value {
  const { b } = body;
  const { names } = registers(body);
  const cs = low(body, register(body, names["cs"] ?? 0));
  return b.compare("eq", b.binary("and", cs, b.i32(3)), b.i32(3));
}

/** One emitter a builtin that fits a register. */
const EMITTERS: Partial<Record<Builtin["name"], Emit>> = {
  pid: currentPid,
  tid: currentTid,
  uid: (body) => body.b.convert("zext32", low(body, uidGid(body))),
  gid: (body) => body.b.binary("lshr", uidGid(body), body.b.i64(32)),
  username: (body) => body.b.convert("zext32", low(body, uidGid(body))),
  nsecs: bootTime,
  elapsed: (body) => body.b.sub(bootTime(body), global(body, "start")),
  cpu: (body) => low(body, body.code.helper("get_smp_processor_id")),
  ncpus: (body) => global(body, "cpuCount"),
  numaid: (body) => low(body, body.code.helper("get_numa_node_id")),
  curtask: currentTask,
  cgroup: (body) => body.code.helper("get_current_cgroup_id"),
  argN: (body, { index, span }) => argument(body, index ?? 0, span),
  retval: returned,
  ctx: (body) => asNumber(body, body.context),
  func: currentFunction,
  rand: (body) => low(body, body.code.helper("get_prandom_u32")),
  jiffies: (body) => body.code.helper("jiffies64"),
  usermode: isUserMode,
  cpid: (body) => low(body, global(body, "childPid")),
};

export function lowerBuiltin(body: Body, builtin: Builtin): Value {
  const emit = EMITTERS[builtin.name];
  if (emit === undefined) {
    body.unit.error("not-yet", `${builtin.name} cannot be compiled yet`, builtin.span);
    return integer(body, 0, builtin.type);
  }
  const value = emit(body, builtin);
  const { type } = builtin;
  const size = type.kind === "int" ? type.size : 8;
  if (size === 8) return extend(body, value, type);
  return value.type === "i32" ? value : low(body, value);
}

import type { Block, Value } from "../../ir/index.ts";
import type { AttachTarget } from "../../object/index.ts";
import type { TypedExpression } from "../typed.ts";
import { sizeOf, type Type } from "../types.ts";
import type { Body } from "./body.ts";
import { countElements } from "./for-map.ts";
import { bootTime, currentFunction, currentPid, currentTid, register } from "./builtins.ts";
import { compareLiteral, compareStrings, literalText } from "./comparison.ts";
import { deleteElement, lookUp } from "./map-access.ts";
import { BPF_F_USER_STACK } from "./memory-calls.ts";
import { addressOf, readString } from "./place.ts";
import { storeBytes } from "./store.ts";
import { extend, integer } from "./scalar-form.ts";
import { registerLayout } from "./target.ts";
import { isScalar } from "./value-form.ts";

type Call = TypedExpression & { readonly kind: "call" };
type Emit = (body: Body, call: Call) => Value;

function argument(call: Call, index: number): TypedExpression {
  const found = call.arguments[index];
  if (found === undefined) throw new TypeError(`${call.name} lacks argument ${index + 1}`);
  return found;
}

/** The first argument as it is. */
const same: Emit = (body, call) => body.scalar(argument(call, 0));

/** The first argument as 64 bits. */
const wide: Emit = (body, call) => {
  const first = argument(call, 0);
  return extend(body, body.scalar(first), first.type);
};

function clockText(call: Call): string {
  const [mode] = call.arguments;
  return mode?.kind === "string" ? mode.value : "boot";
}

function nsecs(body: Body, call: Call): Value {
  switch (clockText(call)) {
    case "monotonic":
      return body.code.helper("ktime_get_ns");
    case "tai":
      return body.code.helper("ktime_get_tai_ns");
    default:
      return bootTime(body);
  }
}

function named(body: Body, call: Call): Value {
  const name = argument(call, 0);
  const offset =
    name.kind === "string" ? registerLayout(body.unit.target.arch)?.names[name.value] : undefined;
  if (offset === undefined) {
    body.unit.error("unknown-register", "There is no such register here", call.span);
    return body.b.i64(0);
  }
  return register(body, offset);
}

/** A moved file is moved as a whole: the probe's own place tells how far. */
function uaddr(body: Body, call: Call): Value {
  const { b } = body;
  const [, symbol, probe] = call.arguments;
  if (symbol?.kind !== "integer") throw new TypeError("uaddr lacks an address");
  if (body.unit.target.relocate) {
    const { path } = targetOf(body);
    body.unit.error(
      "not-portable",
      `uaddr() is made for the ${path} of this machine, so it cannot be built into a portable object`,
      call.span,
    );
  }
  if (probe?.kind !== "integer") return b.i64(symbol.value);
  return b.add(probedAddress(body, call), b.i64(symbol.value - probe.value));
}

/** Where the probe lies in the memory of the process that ran into it. */
function probedAddress(body: Body, call: Call): Value {
  if (!targetOf(body).return) return currentFunction(body);
  if (body.unit.target.features.userFunctionAddress) return body.code.helper("get_func_ip", body.context);
  body.unit.error(
    "kernel-lacks",
    "This kernel does not tell a uretprobe where its function is, which uaddr() needs in a position-independent file (Linux 6.6)",
    call.span,
    ["Call uaddr() in a uprobe of the function, and keep the address in a map with the key tid"],
  );
  return body.b.i64(0);
}

function targetOf({ target: { attach } }: Body): Extract<AttachTarget, { kind: "uprobe" }> {
  if (attach.kind !== "uprobe") throw new TypeError(`uaddr in ${attach.kind}`);
  return attach;
}

function bswap(body: Body, call: Call): Value {
  const first = argument(call, 0);
  const value = body.scalar(first);
  switch (sizeOf(first.type)) {
    case 1:
      return value;
    case 2:
      return body.b.unary("bswap16", value);
    case 4:
      return body.b.unary("bswap32", value);
    default:
      return body.b.unary("bswap64", value);
  }
}

function send(helper: "send_signal" | "send_signal_thread"): Emit {
  return (body, call) => {
    const number = body.scalar(argument(call, 0));
    return body.code.helper(helper, number.type === "i32" ? number : body.b.convert("trunc", number));
  };
}

function mapArgument(call: Call): TypedExpression & { readonly kind: "mapReference" } {
  const reference = argument(call, 0);
  if (reference.kind !== "mapReference") throw new TypeError(`${call.name} takes a map`);
  return reference;
}

function hasKey(body: Body, call: Call): Value {
  const reference = mapArgument(call);
  const element = lookUp(body, reference.map, call.arguments[1] ?? reference.key);
  return body.b.compare("ne", element, body.b.null());
}

function remove(body: Body, call: Call): Value {
  const reference = mapArgument(call);
  return deleteElement(body, reference.map, call.arguments[1] ?? reference.key);
}

/** 0 when the first bytes are equal, else 1. */
function strncmp(body: Body, call: Call): Value {
  const left = argument(call, 0);
  const right = argument(call, 1);
  const count = argument(call, 2);
  const limit = count.kind === "integer" ? Number(count.value) : sizeOf(left.type);
  return answer(body, call, (same, different) => {
    const leftText = literalText(left);
    const rightText = literalText(right);
    if (leftText !== undefined && rightText !== undefined)
      body.code.jump(leftText.slice(0, limit) === rightText.slice(0, limit) ? same : different);
    else if (rightText !== undefined) compareStart(body, left, rightText, limit, same, different);
    else if (leftText !== undefined) compareStart(body, right, leftText, limit, same, different);
    else compareStrings(body, left, right, limit, same, different);
  });
}

function compareStart(
  body: Body,
  string: TypedExpression,
  text: string,
  limit: number,
  same: Block,
  different: Block,
): void {
  const shorter = limit <= Buffer.byteLength(text);
  compareLiteral(body, string, text, shorter ? limit : undefined, same, different);
}

/** 0 where `decide` goes to the first block, 1 where it goes to the second. */
function answer(body: Body, call: Call, decide: (same: Block, different: Block) => void): Value {
  const { code } = body;
  const same = code.block("same");
  const different = code.block("different");
  const end = code.block("compared");
  body.facts.within(() => decide(same, different));
  code.at(same);
  code.jump(end);
  code.at(different);
  code.jump(end);
  code.at(end);
  const ways = [
    ...(code.isReached(same) ? [[same, integer(body, 0, call.type)] as const] : []),
    ...(code.isReached(different) ? [[different, integer(body, 1, call.type)] as const] : []),
  ];
  return code.phi(ways);
}

/** Number of bytes before the NUL: the helper that reads a string tells it. */
function strlen(body: Body, call: Call): Value {
  const { b, code } = body;
  const string = argument(call, 0);
  const isPointer = string.type.kind === "pointer";
  const size = isPointer ? body.unit.config.maxStringLength : sizeOf(string.type);
  const target = string.type.kind === "pointer" ? string.type.target : string.type;
  const place = body.locate(
    isPointer ? { kind: "dereference", operand: string, type: target, span: string.span } : string,
  );
  const slot = body.scratch(size);
  const length = readString(body, { ...place, nullable: false }, slot, b.i32(size));
  const from = b.current;
  const some = code.block("some");
  const end = code.block("length");
  code.branch("sgt", length, b.i64(0), some, end, { likely: true });
  code.at(some);
  const count = b.sub(length, b.i64(1));
  code.jump(end);
  code.at(end);
  return code.phi([
    [from, b.i64(0)],
    [some, count],
  ]);
}

function len(body: Body, call: Call): Value {
  const [counted] = call.arguments;
  if (counted?.kind === "mapReference") return countElements(body, counted.map, call.span);
  if (counted?.kind === "call" && (counted.type.kind === "kstack" || counted.type.kind === "ustack"))
    return countFrames(body, counted.type);
  body.unit.error("not-yet", "len() counts the frames of a stack where it is taken only", call.span, [
    "Write len(kstack) or len(ustack), and keep the number",
  ]);
  return body.b.i64(0);
}

/** The frames are copied for it: what is kept of a stack otherwise is a number. */
function countFrames(body: Body, type: Type & { readonly kind: "kstack" | "ustack" }): Value {
  const { b, code } = body;
  const size = type.depth * 8;
  const flags = type.kind === "ustack" ? BPF_F_USER_STACK : 0;
  const room = addressOf(body, body.scratch(size));
  const bytes = code.helper("get_stack", body.context, room, b.i32(size), b.i64(flags));
  const from = b.current;
  const some = code.block("some");
  const end = code.block("frames");
  code.branch("sgt", bytes, b.i64(0), some, end, { likely: true });
  code.at(some);
  const frames = b.binary("lshr", bytes, b.i64(3));
  code.jump(end);
  code.at(end);
  return code.phi([
    [from, b.i64(0)],
    [some, frames],
  ]);
}

/** bpf_trace_printk: the kernel formats, up to three numbers. */
function debugf(body: Body, call: Call): Value {
  const { b, code } = body;
  const [format, ...values] = call.arguments;
  if (format?.kind !== "string") throw new TypeError("debugf takes a format");
  const unfit = values.find(({ type }) => !isScalar(type));
  if (unfit)
    body.unit.error("not-a-number", "debugf() shows numbers and pointers only", unfit.span, ["Use printf()"]);
  if (unfit) return b.i64(0);
  const numbers = values.map((value) => extend(body, body.scalar(value), value.type));
  const bytes = new TextEncoder().encode(`${format.value}\0`);
  const place = body.temporary(bytes.length, 8, "format");
  storeBytes(body, bytes, { ...place, clean: true });
  return code.helper("trace_printk", addressOf(body, place), b.i32(bytes.length), ...numbers);
}

/** kernel's IS_ERR: the last 4095 addresses. */
const isErr: Emit = (body, call) => body.b.compare("uge", wide(body, call), body.b.i64(-4095));

/** One emitter a function that yields a register's worth. */
const EMITTERS: Partial<Record<Call["name"], Emit>> = {
  nsecs,
  pid: currentPid,
  tid: currentTid,
  reg: named,
  bswap,
  ksym: wide,
  cgroup_path: wide,
  strftime: (body, call) => {
    const time = argument(call, 1);
    return extend(body, body.scalar(time), time.type);
  },
  kaddr: (body, call) => {
    const name = argument(call, 0);
    return body.b.ksym(name.kind === "string" ? name.value : "");
  },
  uaddr,
  kptr: same,
  uptr: same,
  signal: send("send_signal"),
  signal_thread: send("send_signal_thread"),
  override: (body, call) => body.code.helper("override_return", body.context, wide(body, call)),
  has_key: hasKey,
  delete: remove,
  debugf,
  strncmp,
  strlen,
  len,
  is_err: isErr,
  socket_cookie: (body, call) => body.code.helper("get_socket_cookie", body.scalar(argument(call, 0))),
};

export function lowerCall(body: Body, call: Call): Value {
  const emit = EMITTERS[call.name];
  if (emit !== undefined) return emit(body, call);
  body.unit.error("not-yet", `${call.name}() cannot be compiled yet`, call.span);
  return isScalar(call.type) ? integer(body, 0, call.type) : body.b.i64(0);
}

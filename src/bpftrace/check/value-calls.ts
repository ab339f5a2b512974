import type { FunctionName } from "../functions.ts";
import { sameType, typeName } from "../type-relations.ts";
import type { TypedExpression } from "../typed.ts";
import {
  bool,
  cgroupPath,
  inet,
  int64,
  int8,
  ksym,
  mac,
  pointerTo,
  sizeOf,
  stringOf,
  type StackMode,
  type Type,
  uint16,
  uint32,
  uint64,
  uint8,
  usym,
} from "../types.ts";
import { signals } from "../constants.ts";
import { didYouMean } from "../findings.ts";
import {
  type Call,
  type CallChecker,
  constantArgument,
  numberArgument,
  textArgument,
  typedCall,
  wrongType,
} from "./call-checker.ts";
import { cast, convert, isLiteral, value } from "./convert.ts";
import { broken, type Elaborator, fail, integer, isBroken, literal } from "./elaborator.ts";
import { taskField } from "./names.ts";

/** A pointer to characters in the address space of the probe. */
function address(on: Elaborator, argument: TypedExpression): TypedExpression | undefined {
  const { type } = argument;
  if (type.kind === "int") return cast(argument, pointerTo(int8, on.instance.row.space));
  if (type.kind !== "pointer") return undefined;
  if (type.target.kind !== "record") return argument;
  return cast(argument, pointerTo(int8, type.space));
}

function str(on: Elaborator, call: Call): TypedExpression {
  const [first] = call.arguments;
  const most = on.shared.settings.maxStringLength;
  const argument = value(on.expression(first!));
  const length = call.arguments.length > 1 ? numberArgument(on, call, 1) : undefined;
  if (isBroken(argument) || (length && isBroken(length))) return broken(call.span);
  const size = length && isLiteral(length) ? Math.max(1, Math.min(Number(length.value) + 1, most)) : most;
  if (argument.kind === "string") return limited(argument.value, length, call);
  if (argument.kind === "integer" && first!.kind === "positional") {
    const { positional } = on.shared.options;
    return limited(
      first.index === 0 ? `${positional.length}` : (positional[first.index - 1] ?? ""),
      length,
      call,
    );
  }
  if (argument.type.kind === "string") {
    if (!length) return argument;
    return typedCall("str", stringOf(Math.min(size, argument.type.size)), call, [argument, length]);
  }
  if (argument.type.kind === "array")
    return typedCall("str", stringOf(Math.min(size, sizeOf(argument.type) + 1)), call, [
      argument,
      ...(length ? [length] : []),
    ]);
  const pointer = address(on, argument);
  if (!pointer) return wrongType(on, call, argument, "a pointer, a number or a string");
  return typedCall("str", stringOf(size), call, [pointer, ...(length ? [length] : [])]);
}

/** Text that is known already. */
function limited(text: string, length: TypedExpression | undefined, call: Call): TypedExpression {
  const cut = length?.kind === "integer" ? text.slice(0, Math.max(0, Number(length.value))) : text;
  return literal(cut, call.span);
}

function buf(on: Elaborator, call: Call): TypedExpression {
  const argument = value(on.expression(call.arguments[0]!));
  const length = call.arguments.length > 1 ? numberArgument(on, call, 1) : undefined;
  if (isBroken(argument) || (length && isBroken(length))) return broken(call.span);
  const most = on.shared.settings.maxStringLength;
  const { type } = argument;
  if (isLiteral(argument) && call.arguments[0]!.kind === "positional")
    return wrongType(on, call, argument, "a pointer");
  const rest = length ? [length] : [];
  const given = length && isLiteral(length) ? Number(length.value) : undefined;
  if (type.kind === "array" || type.kind === "string") {
    const size = Math.min(given ?? (length ? most : sizeOf(type)), most, Math.max(sizeOf(type), 1));
    return typedCall("buf", { kind: "buffer", size }, call, [argument, ...rest]);
  }
  if (!length && type.kind === "pointer" && type.target.kind !== "void") {
    const size = Math.min(sizeOf(type.target) || 1, most);
    return typedCall("buf", { kind: "buffer", size }, call, [argument]);
  }
  const pointer = address(on, argument);
  if (!pointer) return wrongType(on, call, argument, "a pointer or an array");
  if (!length)
    return fail(on, "argument-count", "buf() needs a length, since the data's size is not known", call.span);
  return typedCall("buf", { kind: "buffer", size: Math.min(given ?? most, most) }, call, [pointer, ...rest]);
}

/** An argument that is a bare word, or that word in quotes. */
function wordArgument(call: Call, index: number): string | undefined {
  const argument = call.arguments[index];
  if (argument?.kind === "identifier") return argument.name;
  return argument?.kind === "string" ? argument.value : undefined;
}

const modes: readonly string[] = ["bpftrace", "perf", "raw", "build_id"] satisfies StackMode[];
function isStackMode(word: string): word is StackMode {
  return modes.includes(word);
}

/** bpftrace's default number of frames, PERF_MAX_STACK_DEPTH. */
const defaultDepth = 127;

function stack(kind: "kstack" | "ustack"): CallChecker {
  return (on, call) => {
    let mode: StackMode = on.shared.settings.stackMode;
    let depth = defaultDepth;
    for (const [index, argument] of call.arguments.entries()) {
      const word = wordArgument(call, index);
      if (word !== undefined && isStackMode(word) && index === 0) mode = word;
      else if (
        word !== undefined &&
        index === 0 &&
        argument.kind === "identifier" &&
        !on.scope.binding(word) &&
        !on.shared.defines.has(word)
      )
        return fail(
          on,
          "bad-stack-mode",
          `'${word}' is no stack mode`,
          argument.span,
          `The modes are ${modes.join(", ")}.`,
        );
      else {
        const number = constantArgument(on, call, index);
        if (number === undefined) return broken(call.span);
        if (number < 1n || number > 1024n)
          return fail(on, "bad-depth", `${kind}() takes 1 to 1024 frames`, argument.span);
        depth = Number(number);
      }
    }
    return typedCall(kind, { kind, mode, depth }, call, []);
  };
}

const clocks = ["boot", "monotonic", "tai", "sw_tai"];

function nsecs(on: Elaborator, call: Call): TypedExpression {
  const word = call.arguments.length === 0 ? "boot" : wordArgument(call, 0);
  if (word === undefined || !clocks.includes(word))
    return fail(
      on,
      "bad-clock",
      "nsecs() takes the name of a clock",
      call.span,
      `The clocks are ${clocks.join(", ")}.`,
    );
  return typedCall("nsecs", uint64, call, [literal(word === "sw_tai" ? "tai" : word, call.span)]);
}

function inNamespace(name: "pid" | "tid"): CallChecker {
  return (on, call) => {
    const word = wordArgument(call, 0);
    if (word !== "init" && word !== "curr_ns")
      return fail(on, "bad-namespace", `${name}() takes init or curr_ns`, call.span);
    return typedCall(name, uint32, call, [literal(word, call.span)]);
  };
}

function ntop(on: Elaborator, call: Call): TypedExpression {
  const family = call.arguments.length > 1 ? numberArgument(on, call, 0) : undefined;
  const argument = on.expression(call.arguments.at(-1)!);
  if (isBroken(argument) || (family && isBroken(family))) return broken(call.span);
  const { type } = argument;
  const size = sizeOf(type);
  const fits =
    type.kind === "int" ||
    ((type.kind === "array" || type.kind === "string" || type.kind === "record") &&
      (size === 4 || size === 16));
  if (!fits && type.kind !== "pointer")
    return wrongType(on, call, argument, "a number or an array of 4 or 16 bytes");
  return typedCall("ntop", inet, call, [...(family ? [family] : []), argument]);
}

function strings(on: Elaborator, call: Call, count: number): TypedExpression[] | undefined {
  const args = call.arguments.slice(0, count).map((argument) => {
    const checked = value(on.expression(argument));
    if (isBroken(checked) || checked.type.kind === "string") return checked;
    const pointer = checked.kind === "integer" ? undefined : address(on, checked);
    if (!pointer) return wrongType(on, call, checked, "a string");
    const size = on.shared.settings.maxStringLength;
    return {
      kind: "call",
      name: "str",
      arguments: [pointer],
      type: stringOf(size),
      span: argument.span,
    } as const;
  });
  return args.some(isBroken) ? undefined : args;
}

function signal(name: "signal" | "signal_thread"): CallChecker {
  return (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    if (argument.kind !== "string")
      return typedCall(name, { kind: "none" }, call, [numberArgument(on, call, 0)]);
    const number = signals.get(argument.value.replace(/^SIG/, ""));
    if (number === undefined)
      return fail(on, "unknown-signal", `There is no signal '${argument.value}'`, argument.span);
    return typedCall(name, { kind: "none" }, call, [integer(BigInt(number), uint32, argument.span)]);
  };
}

/** Sizes of symbols that are read as a number; all others count as an address-sized one. */
const SYMBOL_NUMBERS: ReadonlyMap<number, Type> = new Map([
  [1, uint8],
  [2, uint16],
  [4, uint32],
]);

/** Its arguments: the name, the address as linked and, where the file may be moved, that of the probe's own place. */
const uaddr: CallChecker = (on, call) => {
  const text = textArgument(on, call, 0);
  if (!text) return broken(call.span);
  const attach = on.instance.targets[0]?.attach;
  const { world } = on.shared;
  // Nothing was found to attach to, which was said already.
  if (!attach) return broken(call.span);
  if (attach.kind !== "uprobe")
    return fail(on, "not-yet", "uaddr() is known in uprobes and uretprobes only", call.span);
  const { path } = attach;
  const symbol = world.userPlace?.(path, text.value);
  const probe = world.userPlace?.(path, attach.symbol ?? attach.offset);
  if (!symbol || !probe)
    return fail(
      on,
      "unknown-symbol",
      symbol ? `'${path}' has no code at this probe` : `'${path}' has no symbol '${text.value}'`,
      text.span,
      ...didYouMean(text.value, world.userSymbols(path) ?? []),
      "Variables have symbols only in files that are not stripped.",
    );
  const type = pointerTo(SYMBOL_NUMBERS.get(symbol.size) ?? uint64, "user");
  const own = probe.address + (attach.symbol === undefined ? 0 : attach.offset);
  return typedCall("uaddr", type, call, [
    text,
    integer(BigInt(symbol.address), uint64, text.span),
    ...(symbol.fixed ? [] : [integer(BigInt(own), uint64, text.span)]),
  ]);
};

function named(name: "kaddr" | "reg", type: Type): CallChecker {
  return (on, call) => {
    const text = textArgument(on, call, 0);
    return text ? typedCall(name, type, call, [text]) : broken(call.span);
  };
}

function symbol(name: "ksym" | "usym" | "cgroup_path", type: Type): CallChecker {
  return (on, call) => {
    const number = numberArgument(on, call, 0);
    const filter = call.arguments.length > 1 ? textArgument(on, call, 1) : undefined;
    if (call.arguments.length > 1 && !filter) return broken(call.span);
    return typedCall(name, type, call, [number, ...(filter ? [filter] : [])]);
  };
}

function inSpace(space: "kernel" | "user"): CallChecker {
  return (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    if (isBroken(argument)) return argument;
    const { type, span } = argument;
    if (type.kind === "int") return { kind: "cast", operand: argument, type: pointerTo(int8, space), span };
    if (type.kind !== "pointer") return wrongType(on, call, argument, "a pointer");
    return { kind: "cast", operand: argument, type: pointerTo(type.target, space), span };
  };
}

export const valueCalls: Partial<Record<FunctionName, CallChecker>> = {
  str,
  buf,
  kstack: stack("kstack"),
  ustack: stack("ustack"),
  nsecs,
  pid: inNamespace("pid"),
  tid: inNamespace("tid"),
  ntop,
  ksym: symbol("ksym", ksym),
  usym: symbol("usym", usym),
  cgroup_path: symbol("cgroup_path", cgroupPath),
  kaddr: named("kaddr", uint64),
  uaddr,
  reg: named("reg", uint64),
  kptr: inSpace("kernel"),
  uptr: inSpace("user"),
  signal: signal("signal"),
  signal_thread: signal("signal_thread"),
  ppid: (on, call) => taskField(on, ["real_parent", "tgid"], call.span, call.arguments[0]),
  pcomm: (on, call) => taskField(on, ["real_parent", "comm"], call.span, call.arguments[0]),
  leader_tid: (on, call) => taskField(on, ["group_leader", "pid"], call.span, call.arguments[0]),
  leader_comm: (on, call) => taskField(on, ["group_leader", "comm"], call.span, call.arguments[0]),
  strftime: (on, call) => {
    const format = textArgument(on, call, 0);
    const time = numberArgument(on, call, 1);
    if (!format) return broken(call.span);
    const [, argument] = call.arguments;
    const word =
      argument?.kind === "call" && argument.name === "nsecs" ? wordArgument(argument, 0) : undefined;
    const clock = word === "monotonic" ? "monotonic" : word === "tai" || word === "sw_tai" ? "tai" : "boot";
    return typedCall("strftime", { kind: "timestamp", format: format.value, clock }, call, [format, time]);
  },
  macaddr: (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    if (isBroken(argument)) return broken(call.span);
    const { type } = argument;
    const fits =
      type.kind === "pointer" || ((type.kind === "array" || type.kind === "string") && sizeOf(type) === 6);
    return fits
      ? typedCall("macaddr", mac, call, [argument])
      : wrongType(on, call, argument, "an array of 6 bytes");
  },
  bswap: (on, call) => {
    const argument = numberArgument(on, call, 0);
    const size = argument.type.kind === "int" ? argument.type.size : 8;
    const type: Type = { kind: "int", size, signed: false };
    return isBroken(argument) ? broken(call.span) : typedCall("bswap", type, call, [convert(argument, type)]);
  },
  strncmp: (on, call) => {
    const args = strings(on, call, 2);
    const length = constantArgument(on, call, 2);
    if (!args || length === undefined) return broken(call.span);
    if (length < 0n)
      return fail(on, "bad-length", "strncmp() needs a length of 0 or more", call.arguments[2]!.span);
    return typedCall("strncmp", int64, call, [...args, integer(length, int64, call.arguments[2]!.span)]);
  },
  strcontains: (on, call) => {
    const args = strings(on, call, 2);
    return args ? typedCall("strcontains", bool, call, args) : broken(call.span);
  },
  strstr: (on, call) => {
    const args = strings(on, call, 2);
    return args ? typedCall("strstr", int64, call, args) : broken(call.span);
  },
  strlen: (on, call) => {
    const args = strings(on, call, 1);
    const [only] = args ?? [];
    if (!only) return broken(call.span);
    return only.kind === "string"
      ? integer(BigInt(Buffer.byteLength(only.value)), uint64, call.span)
      : typedCall("strlen", uint64, call, [only]);
  },
  is_err: (on, call) => {
    const argument = on.expression(call.arguments[0]!);
    if (!["pointer", "int"].includes(argument.type.kind)) return wrongType(on, call, argument, "a pointer");
    return typedCall("is_err", bool, call, [argument]);
  },
};

/** For messages about values of two types. */
export function differ(a: Type, b: Type): string {
  return sameType(a, b) ? typeName(a) : `${typeName(a)} and ${typeName(b)}`;
}

import type {
  Block,
  Callee,
  CallEffects,
  IrFunction,
  IrModule,
  LoadTimeNumber,
  Terminator,
  Value,
} from "./node.ts";

/** The text that goldens keep and `-d ir` shows. */
export function printModule(module: IrModule): string {
  return module.functions.map(printFunction).join("\n");
}

export function printFunction(fn: IrFunction): string {
  const params = fn.params.map((param) => `${printValue(param)}: ${param.type}`).join(", ");
  const lines = [`function ${fn.name}(${params}): ${fn.result}`];
  for (const leaf of fn.leaves.values()) {
    if (leaf.op !== "alloca") continue;
    const name = leaf.name === undefined ? "" : ` ; ${leaf.name}`;
    lines.push(`  ${printValue(leaf)} = alloca ${leaf.size} align ${leaf.align}${name}`);
  }
  for (const block of fn.blocks) lines.push(...printBlock(block));
  return `${lines.join("\n")}\n`;
}

function printBlock(block: Block): string[] {
  const lines = [`${printLabel(block)}:${block.name === undefined ? "" : ` ; ${block.name}`}`];
  for (const value of [...block.phis, ...block.body]) lines.push(`  ${printInstruction(value)}`);
  lines.push(`  ${block.terminator === undefined ? "(open)" : printTerminator(block.terminator)}`);
  return lines;
}

function printLabel(block: Block): string {
  return `b${block.id}`;
}

/** How a value is named where it is used. */
export function printValue(value: Value): string {
  switch (value.op) {
    case "const":
      return value.type === "ptr" ? (value.value === 0n ? "null" : `ptr ${value.value}`) : `${value.value}`;
    case "param":
      return `p${value.index}`;
    case "alloca":
      return `s${value.id}`;
    case "mapRef":
      return `map(${value.map})`;
    case "mapValue":
      return `value(${value.map}+${value.offset})`;
    case "functionRef":
      return `function(${value.name})`;
    case "loadTime":
      return printLoadTime(value.number);
    case "ksym":
      return `ksym(${value.name}${value.typed ? " typed" : ""}${value.weak ? " weak" : ""})`;
    default:
      return `%${value.id}`;
  }
}

function printLoadTime(number: LoadTimeNumber): string {
  switch (number.kind) {
    case "core":
      return `core(${number.coreKind} type ${number.typeId} ${number.access})`;
    case "tracepoint":
      return `field(${number.tracepoint} ${number.field})`;
  }
}

export function printInstruction(value: Value): string {
  const result = value.type === "void" ? "" : `%${value.id} = `;
  return result + printOperation(value);
}

function printOperation(value: Value): string {
  const args = value.args.map(printValue).join(", ");
  switch (value.op) {
    case "phi":
      return `phi ${value.type} ${value.args
        .map((argument, index) => `[${printLabel(value.incoming[index]!)} ${printValue(argument)}]`)
        .join(" ")}`;
    case "compare":
      return `compare ${value.predicate} ${widthOf(value.args)}${args}`;
    case "load":
      return `load ${value.type} ${value.signed ? "s" : "u"}${value.width * 8} ${printAddress(value)}`;
    case "store":
      return `store u${value.width * 8} ${printAddress(value)}, ${printValue(value.args[1]!)}`;
    case "copy": {
      const [destination, source] = value.args;
      const to = printSum(destination!, value.offset);
      return `copy ${value.size} align ${value.align} [${to}], [${printSum(source!, value.sourceOffset)}]`;
    }
    case "fill":
      return `fill ${value.size} align ${value.align} [${printSum(value.args[0]!, value.offset)}], ${value.byte}`;
    case "atomic": {
      const operands = value.args.slice(1).map(printValue).join(", ");
      return `atomic ${value.operation} ${value.type} u${value.width * 8} ${printAddress(value)}, ${operands}`;
    }
    case "call":
      return `call ${value.type} ${printCallee(value.callee)}(${args})${printEffects(value.effects)}`;
    default:
      return `${value.op} ${value.type} ${args}`;
  }
}

/** The operands' width, where the operation's own type does not tell it. */
function widthOf(args: readonly Value[]): string {
  return `${args[0]?.type ?? "void"} `;
}

function printAddress(
  value: Value & { readonly offset: number; readonly reloc: LoadTimeNumber | undefined },
): string {
  const reloc = value.reloc === undefined ? "" : ` + ${printLoadTime(value.reloc)}`;
  return `[${printSum(value.args[0]!, value.offset)}${reloc}]`;
}

function printSum(base: Value, offset: number): string {
  const text = printValue(base);
  if (offset === 0) return text;
  return offset < 0 ? `${text} - ${-offset}` : `${text} + ${offset}`;
}

function printCallee(callee: Callee): string {
  switch (callee.kind) {
    case "helper":
      return callee.name === undefined ? `helper#${callee.id}` : `${callee.name}#${callee.id}`;
    case "kfunc":
      return `kfunc ${callee.name}${callee.weak === true ? " weak" : ""}`;
    case "function":
      return `function ${callee.name}`;
  }
}

function printEffects(effects: CallEffects): string {
  let text = "";
  if (effects.pure === true) text += " pure";
  if (effects.discardable === true) text += " discardable";
  if (effects.reads !== undefined) text += ` reads(${effects.reads.join(" ")})`;
  if (effects.writes !== undefined) text += ` writes(${effects.writes.join(" ")})`;
  return text;
}

export function printTerminator(terminator: Terminator): string {
  const args = terminator.args.map(printValue).join(", ");
  switch (terminator.op) {
    case "br":
      return `br ${printLabel(terminator.target)}`;
    case "condBr": {
      const likely = terminator.likely === undefined ? "" : terminator.likely ? " likely" : " unlikely";
      const targets = `${printLabel(terminator.whenTrue)}, ${printLabel(terminator.whenFalse)}`;
      return `if ${terminator.predicate} ${widthOf(terminator.args)}${args} then ${targets}${likely}`;
    }
    case "switch": {
      const cases = terminator.cases.map((entry) => `${entry.value}: ${printLabel(entry.target)}`);
      const all = [...cases, `else ${printLabel(terminator.otherwise)}`].join(", ");
      return `switch ${widthOf(terminator.args)}${args} ${all}`;
    }
    case "ret":
      return args === "" ? "ret" : `ret ${args}`;
    case "unreachable":
      return "unreachable";
  }
}

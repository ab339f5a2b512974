import type { AttachTarget } from "../../object/index.ts";
import type { AttachPoint } from "../ast.ts";
import { readInteger } from "../literals.ts";
import { hardwareEvents, type PerfEventRow, type ProbeRow, softwareEvents } from "../probes.ts";
import type { CheckedTarget } from "../typed.ts";
import { hasWildcard, wildcard } from "../wildcard.ts";
import type { World } from "../world.ts";

/** Why an attach point cannot be expanded. */
export class TargetProblem {
  readonly message: string;
  /** What could have been meant. */
  readonly near: { readonly name: string; readonly candidates: Iterable<string> } | undefined;
  /** The setting `missing_probes` decides whether it matters. */
  readonly missing: boolean;
  readonly hints: readonly string[];

  constructor(
    message: string,
    details: { near?: TargetProblem["near"]; missing?: boolean; hints?: readonly string[] } = {},
  ) {
    this.message = message;
    this.near = details.near;
    this.missing = details.missing ?? false;
    this.hints = details.hints ?? [];
  }
}

type Result = readonly CheckedTarget[] | TargetProblem;
/** `parts` are those behind the kind, parameters filled in. */
type Expand = (parts: readonly string[], row: ProbeRow, world: World) => Result;

const one = (name: string, attach: AttachTarget): Result => [{ name, attach }];

/** `name+0x10` */
function offsetOf(text: string): { readonly name: string; readonly offset: number } {
  const match = /^(.*?)\+(0x[0-9a-fA-F]+|\d+)$/.exec(text);
  return match ? { name: match[1]!, offset: Number(match[2]) } : { name: text, offset: 0 };
}

const kprobe: Expand = (parts, row, world) => {
  const [module, written] = parts.length === 2 ? [parts[0]!, parts[1]!] : [undefined, parts[0]!];
  const isReturn = row.kind === "kretprobe";
  const place = offsetOf(written);
  const target = (name: string, from?: string): CheckedTarget => ({
    name: `${row.kind}:${module === undefined ? "" : `${from ?? module}:`}${name}${place.offset ? `+${place.offset}` : ""}`,
    attach: {
      kind: "kprobe",
      function: name,
      offset: place.offset,
      return: isReturn,
      ...(module !== undefined && module !== "vmlinux" && { module: from ?? module }),
    },
  });
  if (isReturn && place.offset !== 0) return new TargetProblem("A kretprobe takes no offset");
  if (!hasWildcard(written) && !hasWildcard(module ?? "")) {
    const inKernel = module === undefined || module === "vmlinux";
    if (inKernel && world.btf?.find("func", place.name) !== undefined) return [target(place.name)];
    const functions = world.kernelFunctions();
    if (!functions) return [target(place.name)];
    if (functions.some((one) => one.name === place.name && (module === undefined || one.module === module)))
      return [target(place.name)];
    return missingFunction(place.name, functions);
  }
  const functions = world.kernelFunctions();
  if (!functions)
    return new TargetProblem("The kernel's functions cannot be listed here, so wildcards cannot be expanded");
  const matches = wildcard(place.name);
  const inModule = wildcard(module ?? "*");
  const found = functions.filter((candidate) => matches(candidate.name) && inModule(candidate.module));
  if (found.length === 0) return missingFunction(written, functions);
  const names = new Map(found.map((candidate) => [candidate.name, candidate.module]));
  return [...names].map(([name, from]) => target(name, from));
};

function missingFunction(name: string, functions: readonly { readonly name: string }[]): TargetProblem {
  return new TargetProblem(`No kernel function '${name}' can be probed`, {
    missing: true,
    near: { name, candidates: functions.map((candidate) => candidate.name) },
  });
}

const fentry: Expand = (parts, row, world) => {
  const [module, name] =
    parts.length === 2 ? ([parts[0]!, parts[1]!] as const) : (["vmlinux", parts[0]!] as const);
  if (module === "bpf" || parts.length === 3)
    return new TargetProblem(`${row.kind} on BPF programs is not supported yet`);
  const btf =
    module === "vmlinux" || hasWildcard(module) ? world.btf : (world.moduleBtf?.(module) ?? world.btf);
  if (!btf)
    return new TargetProblem(`${row.kind} needs BTF, which this kernel has not`, {
      hints: ["Use kprobe instead, or give BTF with --btf FILE."],
    });
  const target = (found: string, from: string): CheckedTarget => ({
    name: `${row.kind}:${from}:${found}`,
    attach: {
      kind: "fentry",
      function: found,
      return: row.kind === "fexit",
      ...(from !== "vmlinux" && { module: from }),
    },
  });
  if (!hasWildcard(name)) {
    if (btf.find("func", name) !== undefined) return [target(name, module)];
    return new TargetProblem(`BTF has no function '${name}'`, {
      missing: true,
      near: { name: name, candidates: btf.names("func") },
    });
  }
  const matches = wildcard(name);
  const probeable = world.kernelFunctions();
  const allowed = probeable && new Map(probeable.map((candidate) => [candidate.name, candidate.module]));
  const found = [...new Set(btf.names("func"))].filter(
    (candidate) => matches(candidate) && (!allowed || allowed.has(candidate)),
  );
  if (found.length === 0)
    return new TargetProblem(`BTF has no function that matches '${name}'`, { missing: true });
  return found.map((candidate) => target(candidate, hasWildcard(module) ? "vmlinux" : module));
};

function tracepointTarget(category: string, event: string): CheckedTarget {
  return { name: `tracepoint:${category}:${event}`, attach: { kind: "tracepoint", category, event } };
}

const tracepoint: Expand = ([category, event], _row, world) => {
  if (!hasWildcard(category!) && !hasWildcard(event!)) {
    if (world.tracepointFormat(category!, event!) !== undefined) return [tracepointTarget(category!, event!)];
    const list = world.tracepoints();
    const name = `${category}:${event}`;
    if (!list || list.includes(name)) return [tracepointTarget(category!, event!)];
    return new TargetProblem(`There is no tracepoint '${name}'`, {
      missing: true,
      near: { name, candidates: list },
    });
  }
  const list = world.tracepoints();
  if (!list)
    return new TargetProblem("Tracepoints cannot be listed here, so wildcards cannot be expanded", {
      hints: ["tracefs must be readable, which needs root."],
    });
  const matches = wildcard(`${category}:${event}`);
  const found = list.filter(matches);
  if (found.length === 0)
    return new TargetProblem(`No tracepoint matches '${category}:${event}'`, { missing: true });
  return found.map((name) => {
    const colon = name.indexOf(":");
    return tracepointTarget(name.slice(0, colon), name.slice(colon + 1));
  });
};

/** BTF has a `btf_trace_NAME` for each. */
const tracePrefix = "btf_trace_";

const rawTracepoint: Expand = (parts, row, world) => {
  const [module, event] =
    parts.length === 2 ? ([parts[0]!, parts[1]!] as const) : (["vmlinux", parts[0]!] as const);
  const own = module === "vmlinux" || hasWildcard(module) ? undefined : world.moduleBtf?.(module);
  const btf = own ?? world.btf;
  const target = (name: string): CheckedTarget => ({
    name: `${row.kind}:${module}:${name}`,
    attach: { kind: "rawtracepoint", event: name, ...(own && { module }) },
  });
  if (!own && module !== "vmlinux" && !hasWildcard(module))
    return new TargetProblem(`There are no types of a module '${module}' here`, { missing: true });
  if (!btf)
    return new TargetProblem("rawtracepoint needs BTF, which this kernel has not", {
      hints: ["Use tracepoint instead, or give BTF with --btf FILE."],
    });
  if (!hasWildcard(event) && btf.find("typedef", tracePrefix + event) !== undefined) return [target(event)];
  const list = [...new Set(btf.names("typedef"))]
    .filter((name) => name.startsWith(tracePrefix))
    .map((name) => name.slice(tracePrefix.length));
  if (!hasWildcard(event))
    return new TargetProblem(`There is no raw tracepoint '${event}'`, {
      missing: true,
      near: { name: event, candidates: list },
    });
  const found = list.filter(wildcard(event));
  return found.length === 0
    ? new TargetProblem(`No raw tracepoint matches '${event}'`, { missing: true })
    : found.map(target);
};

const uprobe: Expand = (parts, row, world) => {
  const [binary, ...rest] = parts;
  if (rest.length === 2 && rest[0] !== "cpp")
    return new TargetProblem(`'${rest[0]}' is no language: only 'cpp' is known`);
  if (rest.length === 0 || binary === "") return new TargetProblem(`${row.kind} needs a file and a function`);
  if (binary === "*")
    return new TargetProblem(`${row.kind}:* is not supported yet`, { hints: ["Name the file."] });
  const path = world.findExecutable(binary!);
  if (path === undefined)
    return new TargetProblem(`Cannot find '${binary}'`, {
      missing: true,
      hints: ["Give the path of a program or library."],
    });
  const place = offsetOf(rest.at(-1)!);
  const isReturn = row.kind === "uretprobe";
  const target = (symbol: string): CheckedTarget => ({
    name: `${row.kind}:${path}:${symbol}${place.offset ? `+${place.offset}` : ""}`,
    attach: { kind: "uprobe", path, symbol, offset: place.offset, return: isReturn },
  });
  if (/^(?:0x[0-9a-fA-F]+|\d+)$/.test(place.name))
    return one(`${row.kind}:${path}:${place.name}`, {
      kind: "uprobe",
      path,
      offset: Number(place.name),
      return: isReturn,
    });
  const symbols = world.userSymbols(path);
  if (!hasWildcard(place.name)) {
    if (!symbols || symbols.includes(place.name)) return [target(place.name)];
    return new TargetProblem(`'${path}' has no function '${place.name}'`, {
      missing: true,
      near: { name: place.name, candidates: symbols },
    });
  }
  if (!symbols)
    return new TargetProblem(`The symbols of '${path}' cannot be read, so wildcards cannot be expanded`);
  const found = [...new Set(symbols)].filter(wildcard(place.name));
  return found.length === 0
    ? new TargetProblem(`No function of '${path}' matches '${place.name}'`, { missing: true })
    : found.map(target);
};

const usdt: Expand = (parts, row, world) => {
  const [binary, ...rest] = parts;
  const [provider, name] = rest.length === 2 ? rest : ["*", rest[0]];
  if (binary === "*")
    return new TargetProblem(`${row.kind}:* is not supported yet`, { hints: ["Name the file."] });
  const path = world.findExecutable(binary!);
  if (path === undefined)
    return new TargetProblem(`Cannot find '${binary}'`, {
      missing: true,
      hints: ["Give the path of a program or library."],
    });
  const probes = world.usdtProbes?.(path);
  if (!probes) return new TargetProblem(`The static probes of '${path}' cannot be read`);
  const matches = wildcard(`${provider}:${name}`);
  const found = probes.filter((probe) => matches(`${probe.provider}:${probe.name}`));
  if (found.length === 0)
    return new TargetProblem(`'${path}' has no static probe '${rest.join(":")}'`, {
      missing: true,
      near: {
        name: rest.join(":"),
        candidates: new Set(
          probes.map((probe) => (rest.length === 2 ? `${probe.provider}:` : "") + probe.name),
        ),
      },
      hints: probes.length === 0 ? ["The file was built without any (sys/sdt.h)."] : [],
    });
  return found.map((probe) => ({
    name: `usdt:${path}:${probe.provider}:${probe.name}`,
    attach: {
      kind: "uprobe",
      path,
      offset: probe.offset,
      return: false,
      staticProbe: `${probe.provider}:${probe.name}`,
      ...(probe.counterOffset !== undefined && { counterOffset: probe.counterOffset }),
    },
    arguments: probe.arguments,
  }));
};

const units: Readonly<Record<string, number>> = { us: 1e3, ms: 1e6, s: 1e9 };

const timer: Expand = (parts, row) => {
  const kind = row.kind === "profile" ? "profile" : "interval";
  const [unit, count] = parts.length === 2 ? parts : ["", parts[0]!];
  const read = readInteger(count!);
  if (typeof read === "string") return new TargetProblem(`${kind} needs a number: ${read}`);
  if (read.value <= 0n || read.value > 10n ** 18n) return new TargetProblem(`${kind} needs a number above 0`);
  const name = `${kind}:${parts.join(":")}`;
  if (unit === "hz") return one(name, { kind, frequency: Number(read.value) });
  const scale = unit === "" ? 1 : units[unit!];
  if (scale === undefined)
    return new TargetProblem(`'${unit}' is no unit of ${kind}`, { hints: ["Use hz, s, ms or us."] });
  return one(name, { kind, period: Number(read.value) * scale });
};

/** PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE */
const perfTypes = { hardware: 0, software: 1 } as const;

function perf(kind: keyof typeof perfTypes, rows: readonly PerfEventRow[]): Expand {
  return ([event, count]) => {
    const found = rows.find((candidate) => candidate.name === event || candidate.aliases.includes(event!));
    if (!found)
      return new TargetProblem(`There is no ${kind} event '${event}'`, {
        near: { name: event!, candidates: rows.map(({ name }) => name) },
      });
    const read = count === undefined || count === "" ? { value: BigInt(found.period) } : readInteger(count);
    if (typeof read === "string" || read.value <= 0n || read.value >= 1n << 53n)
      return new TargetProblem(`'${count}' is no number of events`);
    const { config } = found;
    const name = `${kind}:${found.name}:${count === undefined || count === "" ? "" : count}`;
    return one(name, {
      kind: "perf",
      event: found.name,
      type: perfTypes[kind],
      config,
      period: Number(read.value),
    });
  };
}

const expanders: Partial<Record<ProbeRow["kind"], Expand>> = {
  begin: () => one("begin", { kind: "begin" }),
  end: () => one("end", { kind: "end" }),
  self: ([what, signal]) =>
    what === "signal" && /^SIG[A-Z0-9]+$/.test(signal ?? "")
      ? one(`self:signal:${signal}`, { kind: "signal", signal: signal! })
      : new TargetProblem("Expected self:signal:NAME, as in self:signal:SIGUSR1"),
  kprobe,
  kretprobe: kprobe,
  fentry,
  fexit: fentry,
  tracepoint,
  rawtracepoint: rawTracepoint,
  uprobe,
  uretprobe: uprobe,
  usdt,
  profile: timer,
  interval: timer,
  software: perf("software", softwareEvents),
  hardware: perf("hardware", hardwareEvents),
};

/** Every probe that an attach point stands for. */
export function expandTargets(
  point: AttachPoint,
  parts: readonly string[],
  row: ProbeRow,
  world: World,
): Result {
  const [least, most] = row.parts;
  const given = parts.at(-1) === "" && parts.length > least ? parts.slice(0, -1) : parts;
  if (given.length < least || given.length > most || (least > 0 && given[0] === ""))
    return new TargetProblem(
      `'${point.text}' is not of the form ${row.kind}${row.form === "" ? "" : `:${row.form}`}`,
    );
  const expand = expanders[row.kind];
  if (!expand || row.status === "later")
    return new TargetProblem(`Probes of kind '${row.kind}' are not supported yet`);
  return expand(given, row, world);
}

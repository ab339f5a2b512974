import { hasMapType, kernelConfig, MISC_PROBES, OFFLOADED_MAPS, ProgramProber } from "../inspect/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_FUNC, BPF_MAP_TYPE, BPF_PROG_TYPE } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { deviceIndex } from "./device.ts";
import { renderFeatures } from "./feature-text.ts";
import type { FeatureSection, HelperList } from "./feature-text.ts";
import { CONFIG_OPTIONS, MISC_NAMES, SETTINGS } from "./feature-names.ts";
import { ToolError } from "./tool-error.ts";

interface ProbeRequest {
  readonly component: "kernel" | "dev" | undefined;
  readonly device: string | undefined;
  readonly full: boolean;
  readonly unprivileged: boolean;
  /** Answers as #define lines, with this in front of each name. */
  readonly prefix: string | undefined;
}

/** feature probe [kernel | dev NAME] [full] [unprivileged] [macros [prefix PREFIX]]. */
export const probeFeatures: Command = async ({ args, kernel: open, inform }) => {
  const request = takeRequest(args);
  const kernel = await open();
  const ifindex = request.device === undefined ? 0 : deviceIndex(kernel, request.device);
  if (!request.unprivileged) requireCapabilities(kernel);
  using _rights = request.unprivileged ? withoutRights() : undefined;
  const sections = probe(kernel, request, ifindex, inform);
  return renderFeatures(sections, request.prefix);
};

function takeRequest(args: Arguments): ProbeRequest {
  let request: ProbeRequest = {
    component: undefined,
    device: undefined,
    full: false,
    unprivileged: false,
    prefix: undefined,
  };
  const once = (): void => {
    if (request.component !== undefined) throw new ToolError("component to probe already specified");
  };
  while (args.left > 0) {
    if (args.accept("kernel")) {
      once();
      request = { ...request, component: "kernel" };
    } else if (args.accept("dev")) {
      once();
      request = { ...request, component: "dev", device: args.take("NAME") };
    } else if (args.accept("full")) request = { ...request, full: true };
    else if (request.prefix === undefined && args.accept("macros")) request = { ...request, prefix: "" };
    else if (args.accept("prefix")) {
      if (request.prefix === undefined)
        throw new ToolError("'prefix' argument can only be used after 'macros'");
      if (request.prefix !== "") throw new ToolError("'prefix' already defined");
      request = { ...request, prefix: args.take("PREFIX") };
    } else if (args.accept("unprivileged")) request = { ...request, unprivileged: true };
    else
      throw new ToolError(
        `expected no more arguments, 'kernel', 'dev', 'macros' or 'prefix', got: '${args.peek()}'?`,
      );
  }
  return request;
}

/** Bits of capabilities that the kernel asks for where programs and maps are made. */
const CAPABILITIES = [
  ["CAP_SYS_ADMIN", 21],
  ["CAP_BPF", 39],
  ["CAP_NET_ADMIN", 12],
  ["CAP_PERFMON", 38],
] as const;

function requireCapabilities({ files }: Kernel): void {
  const status = Buffer.from(files.read("/proc/self/status") ?? []).toString();
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const last = Number(Buffer.from(files.read("/proc/sys/kernel/cap_last_cap") ?? "37").toString());
  const missing = CAPABILITIES.filter(([, bit]) => bit <= last && ((effective >> BigInt(bit)) & 1n) === 0n);
  if (missing.length > 0)
    throw new ToolError(
      `missing ${missing.map(([name]) => name).join(", ")}, required for full feature probing; run as root or use 'unprivileged'`,
    );
}

/** User and group nobody. */
const NOBODY = 65_534;

/** The probes of an unprivileged user: a process of root lays its rights down until disposed. */
function withoutRights(): Disposable | undefined {
  const { seteuid, geteuid } = process;
  if (!seteuid || geteuid?.() !== 0) return undefined;
  // The kernel clears the effective capabilities when the effective user stops being root, and fills them again.
  seteuid.call(process, NOBODY);
  return { [Symbol.dispose]: () => seteuid.call(process, 0) };
}

/** Helpers that write into the kernel's log as soon as a program with them is loaded. */
const LOUD_HELPERS: ReadonlySet<number> = new Set([
  BPF_FUNC.trace_printk,
  BPF_FUNC.trace_vprintk,
  BPF_FUNC.probe_write_user,
]);

const OFFLOADED_TYPES: ReadonlySet<number> = new Set([BPF_PROG_TYPE.SCHED_CLS, BPF_PROG_TYPE.XDP]);

function probe(
  kernel: Kernel,
  request: ProbeRequest,
  ifindex: number,
  inform: (text: string) => void,
): FeatureSection[] {
  const prober = new ProgramProber(kernel, { ifindex });
  const types = typesOf(BPF_PROG_TYPE)
    .filter(([type]) => ifindex === 0 || OFFLOADED_TYPES.has(type))
    .map(([type, name]) => ({ type, name, there: prober.hasType(type) }));
  const maps = typesOf(BPF_MAP_TYPE)
    .filter(([type]) => ifindex === 0 || OFFLOADED_MAPS.has(type))
    .map(([type, name]) => ({ name, there: hasMapType(kernel, type, ifindex) }));
  const helpers = types.map(({ type, name, there }): HelperList => ({
    programType: name,
    supported: there,
    helpers: typesOf(BPF_FUNC)
      .filter(([id]) => request.full || !LOUD_HELPERS.has(id))
      .map(([id, helper]) => ({
        name: `bpf_${helper}`,
        there: there && prober.hasHelper(type, id) === true,
      })),
  }));
  return [
    ...(request.component === "dev" ? [] : [systemSection(kernel, request.prefix !== undefined, inform)]),
    { kind: "syscall", there: true },
    { kind: "programs", types },
    { kind: "maps", types: maps },
    { kind: "helpers", lists: helpers },
    {
      kind: "misc",
      features: MISC_NAMES.map((row) => ({ ...row, there: prober.takes(MISC_PROBES[row.probe]()) })),
    },
  ];
}

function systemSection(kernel: Kernel, macros: boolean, inform: (text: string) => void): FeatureSection {
  const config = kernelConfig(kernel);
  if (!config) inform("skipping kernel config, can't open file: No such file or directory\n");
  return {
    kind: "system",
    settings: SETTINGS.map((setting) => ({ setting, value: readSetting(kernel, setting.path) })),
    options: config
      ? CONFIG_OPTIONS.filter(({ macro }) => !macros || macro === true).map(({ name }) => ({
          name,
          value: config.get(name),
        }))
      : [],
  };
}

/** -1 where it is not to be had. */
function readSetting({ files }: Kernel, path: string): number {
  const text = Buffer.from(files.read(path) ?? []).toString();
  return /^-?\d+\n$/.test(text) ? Number(text) : -1;
}

/** Numbers and names in small letters, without UNSPEC and old names of the same number. */
function typesOf(table: Readonly<Record<string, number>>): (readonly [value: number, name: string])[] {
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(table))
    if (value !== 0 && !name.endsWith("_DEPRECATED") && !names.has(value))
      names.set(value, name.toLowerCase());
  return [...names].sort(([one], [other]) => one - other);
}

import type { Config, ConfigEntry } from "./ast.ts";
import { didYouMean, type Findings } from "./findings.ts";
import type { CheckedConfig } from "./typed.ts";
import type { CheckOptions } from "./world.ts";

type Value = string | bigint | boolean;
/** Takes a value; undefined: it is not one of the setting's. */
type Reader = ((value: Value) => Partial<Settings> | undefined) & { readonly values?: readonly string[] };

export interface Settings extends CheckedConfig {
  readonly stackMode: "bpftrace" | "perf" | "raw" | "build_id";
  readonly maxProbes: number;
}

const defaults: Omit<Settings, "unsafe"> = {
  maxMapKeys: 4096,
  maxStringLength: 1024,
  maxCatBytes: 10_240,
  printMapsOnExit: true,
  missingProbes: "error",
  license: "GPL",
  stringTrailer: "..",
  demangle: true,
  stackMode: "bpftrace",
  maxProbes: 1024,
};

function number(key: "maxMapKeys" | "maxStringLength" | "maxCatBytes" | "ringPages" | "maxProbes"): Reader {
  return (value) => {
    const read = typeof value === "string" && /^\d+$/.test(value) ? BigInt(value) : value;
    return typeof read === "bigint" && read > 0n && read < 1n << 31n ? { [key]: Number(read) } : undefined;
  };
}
function boolean(key: "printMapsOnExit" | "demangle"): Reader {
  return (value) => {
    const text = `${value}`;
    if (text === "true" || text === "1") return { [key]: true };
    return text === "false" || text === "0" ? { [key]: false } : undefined;
  };
}
function oneOf(
  key: "license" | "missingProbes" | "stackMode" | "cacheUserSymbols",
  ...values: readonly string[]
): Reader {
  const read = (value: Value): Partial<Settings> | undefined =>
    typeof value === "string" && values.includes(value) ? { [key]: value } : undefined;
  return Object.assign(read, { values });
}
/** What the kernel takes for compatible with the GPL. */
const licenses = [
  "GPL",
  "GPL v2",
  "GPL and additional rights",
  "Dual BSD/GPL",
  "Dual MIT/GPL",
  "Dual MPL/GPL",
];
function text(key: "stringTrailer"): Reader {
  return (value) => (typeof value === "string" ? { [key]: value } : undefined);
}
/** Known and without meaning here. */
const ignored: Reader = () => ({});

const readers: Readonly<Record<string, Reader>> = {
  max_map_keys: number("maxMapKeys"),
  max_strlen: number("maxStringLength"),
  max_cat_bytes: number("maxCatBytes"),
  perf_rb_pages: number("ringPages"),
  max_probes: number("maxProbes"),
  print_maps_on_exit: boolean("printMapsOnExit"),
  cpp_demangle: boolean("demangle"),
  missing_probes: oneOf("missingProbes", "error", "warn", "ignore"),
  stack_mode: oneOf("stackMode", "bpftrace", "perf", "raw", "build_id"),
  cache_user_symbols: oneOf("cacheUserSymbols", "PER_PID", "PER_PROGRAM", "NONE"),
  license: oneOf("license", ...licenses),
  str_trunc_trailer: text("stringTrailer"),
  lazy_symbolication: ignored,
  log_size: ignored,
  max_bpf_progs: ignored,
  max_type_res_iterations: ignored,
  on_stack_limit: ignored,
  show_debug_info: ignored,
  symbol_source: ignored,
  use_blazesym: ignored,
  unstable_tseries: ignored,
  unstable_dw_ustack: ignored,
  unstable_typeinfo: ignored,
  unstable_import_statement: ignored,
  unstable_map_decl: ignored,
  unstable_import: ignored,
  unstable_macro: ignored,
  unstable_addr: ignored,
};

/** The config block over the defaults, and the environment over both. */
export function readSettings(
  config: Config | undefined,
  options: CheckOptions,
  findings: Findings,
): Settings {
  let settings: Settings = { ...defaults, unsafe: options.unsafe };
  for (const entry of config?.entries ?? []) settings = { ...settings, ...readEntry(entry, findings) };
  for (const [key, value] of Object.entries(options.config ?? {}))
    settings = { ...settings, ...readers[key]?.(value) };
  return settings;
}

function readEntry(entry: ConfigEntry, findings: Findings): Partial<Settings> {
  const key = entry.key.toLowerCase().replace(/^bpftrace_/, "");
  const reader = readers[key];
  if (!reader) {
    findings.error(
      "unknown-setting",
      `Unknown setting '${entry.key}'`,
      entry.keySpan,
      ...didYouMean(key, Object.keys(readers)),
    );
    return {};
  }
  const read = reader(entry.value);
  if (!read) {
    const hints = reader.values ? [`The values are ${reader.values.join(", ")}.`] : [];
    findings.error(
      "bad-setting",
      `'${entry.value}' is no value of the setting '${key}'`,
      entry.span,
      ...hints,
    );
  }
  return read ?? {};
}

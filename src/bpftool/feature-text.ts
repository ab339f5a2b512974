import type { Answer } from "./command.ts";
import type { Setting } from "./feature-names.ts";
import type { Json } from "./json.ts";

interface NamedFeature {
  readonly name: string;
  readonly there: boolean;
}

/** The helpers that programs of one type may call. */
export interface HelperList {
  readonly programType: string;
  /** The kernel has the program type. */
  readonly supported: boolean;
  readonly helpers: readonly NamedFeature[];
}

export type FeatureSection =
  | {
      readonly kind: "system";
      readonly settings: readonly { readonly setting: Setting; readonly value: number }[];
      readonly options: readonly { readonly name: string; readonly value: string | undefined }[];
    }
  | { readonly kind: "syscall"; readonly there: boolean }
  | { readonly kind: "programs"; readonly types: readonly NamedFeature[] }
  | { readonly kind: "maps"; readonly types: readonly NamedFeature[] }
  | { readonly kind: "helpers"; readonly lists: readonly HelperList[] }
  | {
      readonly kind: "misc";
      readonly features: readonly {
        readonly json: string;
        readonly plain: string;
        readonly there: boolean;
      }[];
    };

type Kind = FeatureSection["kind"];

const TITLES: Readonly<
  Record<Kind, { readonly json: string; readonly plain: string; readonly macro: string }>
> = {
  system: {
    json: "system_config",
    plain: "Scanning system configuration...",
    macro: "Misc kernel config items",
  },
  syscall: {
    json: "syscall_config",
    plain: "Scanning system call availability...",
    macro: "System call availability",
  },
  programs: { json: "program_types", plain: "Scanning eBPF program types...", macro: "eBPF program types" },
  maps: { json: "map_types", plain: "Scanning eBPF map types...", macro: "eBPF map types" },
  helpers: { json: "helpers", plain: "Scanning eBPF helper functions...", macro: "eBPF helper functions" },
  misc: { json: "misc", plain: "Scanning miscellaneous eBPF features...", macro: "eBPF misc features" },
};

/** `prefix`: as #define lines. */
export function renderFeatures(sections: readonly FeatureSection[], prefix: string | undefined): Answer {
  return {
    text: () =>
      sections
        .map((section) =>
          prefix === undefined
            ? `${TITLES[section.kind].plain}\n${plainLines(section)}\n`
            : `/*** ${TITLES[section.kind].macro} ***/\n${macroLines(section, prefix)}\n`,
        )
        .join(""),
    json: () =>
      Object.fromEntries(sections.map((section) => [TITLES[section.kind].json, sectionJson(section)])),
  };
}

function plainLines(section: FeatureSection): string {
  switch (section.kind) {
    case "system":
      return [
        ...section.settings.map(({ setting, value }) => settingLine(setting, value)),
        ...section.options.map(({ name, value }) =>
          value === undefined ? `${name} is not set\n` : `${name} is set to ${value}\n`,
        ),
      ].join("");
    case "helpers":
      return section.lists.map(plainHelpers).join("");
    case "syscall":
    case "programs":
    case "maps":
    case "misc":
      return flags(section)
        .map(({ plain, there }) => `${plain} is ${there ? "" : "NOT "}available\n`)
        .join("");
  }
}

function settingLine({ values, other, unit = "" }: Setting, value: number): string {
  return `${values[value] ?? `${other} ${value}${unit}`}\n`;
}

function plainHelpers({ programType, supported, helpers }: HelperList): string {
  const found = helpers.filter(({ there }) => there).map(({ name }) => `\n\t- ${name}`);
  const none = supported ? "Could not determine which helpers are available" : "Program type not supported";
  return `eBPF helpers supported for program type ${programType}:${found.join("")}\n${found.length === 0 ? `\t${none}\n` : ""}`;
}

function macroLines(section: FeatureSection, prefix: string): string {
  switch (section.kind) {
    case "system":
      return section.options
        .map(({ name, value }) =>
          value === undefined ? `/* ${prefix}${name} is not set */\n` : `#define ${prefix}${name} ${value}\n`,
        )
        .join("");
    case "helpers":
      return helperMacros(section.lists, prefix);
    case "syscall":
    case "programs":
    case "maps":
    case "misc":
      return flags(section)
        .map(({ macro, there }) => `#define ${prefix}${there ? "" : "NO_"}HAVE_${macro}\n`)
        .join("");
  }
}

function helperMacros(lists: readonly HelperList[], prefix: string): string {
  const test = `${prefix}HAVE_PROG_TYPE_HELPER`;
  const rows = lists.flatMap(({ programType, helpers }) =>
    helpers.map(
      ({ name, there }) =>
        `#define ${prefix}BPF__PROG_TYPE_${programType}__HELPER_${name} ${there ? "1" : "0"}\n`,
    ),
  );
  return [
    `/* ${test}(xdp, bpf_redirect) is 1 where programs of that type may call that helper, else 0. */\n`,
    `#define ${test}(prog_type, helper)\t\\\n\t${prefix}BPF__PROG_TYPE_ ## prog_type ## __HELPER_ ## helper\n`,
    ...rows,
  ].join("");
}

function sectionJson(section: FeatureSection): Json {
  switch (section.kind) {
    case "system":
      return Object.fromEntries([
        ...section.settings.map(({ setting, value }) => [setting.name, value] as const),
        ...section.options.map(({ name, value }) => [name, value ?? null] as const),
      ]);
    case "helpers":
      return Object.fromEntries(
        section.lists.map(({ programType, helpers }) => [
          `${programType}_available_helpers`,
          helpers.filter(({ there }) => there).map(({ name }) => name),
        ]),
      );
    case "syscall":
    case "programs":
    case "maps":
    case "misc":
      return Object.fromEntries(flags(section).map(({ json, there }) => [json, there]));
  }
}

interface Flag {
  readonly json: string;
  readonly plain: string;
  readonly macro: string;
  readonly there: boolean;
}

/** What is there or not, under its three names. */
function flags(section: Extract<FeatureSection, { kind: "syscall" | "programs" | "maps" | "misc" }>): Flag[] {
  switch (section.kind) {
    case "syscall":
      return [flag("have_bpf_syscall", "bpf() syscall", "BPF_SYSCALL", section.there)];
    case "programs":
      return section.types.map(({ name, there }) =>
        flag(`have_${name}_prog_type`, `eBPF program_type ${name}`, `${name}_prog_type`, there),
      );
    case "maps":
      return section.types.map(({ name, there }) =>
        flag(`have_${name}_map_type`, `eBPF map_type ${name}`, `${name}_map_type`, there),
      );
    case "misc":
      return section.features.map(({ json, plain, there }) => flag(`have_${json}`, plain, json, there));
  }
}

function flag(json: string, plain: string, macro: string, there: boolean): Flag {
  return { json, plain, macro: macro.toUpperCase(), there };
}

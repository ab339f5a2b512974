import type { SourceText } from "../diagnostic.ts";
import type { UsdtArgument } from "../elf/index.ts";
/**
 * Everything the front half may ask about the machine it compiles for. It is implemented above (from
 * the kernel's files, or from a BTF file alone); tests pass fakes. Nothing here is called before it is needed.
 */
export interface World {
  /** vmlinux types; absent: no BTF, and whatever needs it is diagnosed where it is used. */
  readonly btf?: BtfView;
  /** Types of a kernel module, where its BTF is there. */
  moduleBtf?(module: string): BtfView | undefined;
  /** Tracepoints as `category:event`. Undefined: cannot be listed here, accept every name. */
  tracepoints(): readonly string[] | undefined;
  /** The text of a tracepoint's `format` file; undefined when it has none here. */
  tracepointFormat(category: string, event: string): string | undefined;
  /** Functions that can be probed, with their module (`vmlinux` for the kernel itself). Undefined: accept every name. */
  kernelFunctions(): readonly KernelFunction[] | undefined;
  /** Function symbols of an executable or library; undefined when the file cannot be read. */
  userSymbols(path: string): readonly string[] | undefined;
  /** A symbol of an executable or library, data too, or the byte at an offset in the file; undefined when it has none. */
  userPlace?(path: string, place: string | number): UserPlace | undefined;
  /** Absolute path of an executable or library given as in a probe: a path, a name on PATH, a library's name. */
  findExecutable(name: string): string | undefined;
  /** Static probes of an executable or library, one for each place of them; undefined when the file cannot be read. */
  usdtProbes?(path: string): readonly StaticProbe[] | undefined;
  /** inode number of a cgroup v2 directory. */
  cgroupId(path: string): bigint | undefined;
  /** Address of a kernel symbol; undefined when unknown. */
  kernelAddress(name: string): bigint | undefined;
  /**
   * An included header, and what it is called. `folder`: of the file that includes it by its name in quotes.
   * Undefined where there is none.
   */
  header?(path: string, folder: string | undefined): SourceText | undefined;
  /** What else is to be known where something to probe is not there. */
  readonly missingHint?: string;
  /** `x64`, `arm64`, ... as process.arch names it. */
  readonly arch: string;
  /** Number of possible CPUs, where known. */
  readonly cpus?: number;
}

export interface KernelFunction {
  readonly name: string;
  readonly module: string;
}

/** One place of a static probe (USDT). */
export interface StaticProbe {
  readonly provider: string;
  readonly name: string;
  /** Of its instruction, in the file. */
  readonly offset: number;
  /** In the file, of the counter that is above 0 while somebody listens. */
  readonly counterOffset?: number;
  /** Undefined where one of them is not understood: then as the compiler wrote them. */
  readonly arguments: readonly UsdtArgument[] | string;
}

/** Where something lies in an executable or library. */
export interface UserPlace {
  /** As linked. */
  readonly address: number;
  /** Bytes; 0 when unknown. */
  readonly size: number;
  /** Loaded at that very address; position-independent files are moved as a whole. */
  readonly fixed: boolean;
}

/** BTF as the checker sees it; ids are those of the underlying BTF. */
export interface BtfView {
  /** Id of the named type of this kind, forward declarations left out. */
  find(kind: BtfNamedKind, name: string): number | undefined;
  type(id: number): BtfType;
  /** Every name of the kind; used for "did you mean" and for listings only. */
  names(kind: BtfNamedKind): Iterable<string>;
  /** Value of an enumerator anywhere in the BTF. */
  enumerator(name: string): { readonly value: bigint; readonly enumId: number } | undefined;
}
export type BtfNamedKind = "struct" | "union" | "enum" | "typedef" | "int" | "func";

/** One BTF type, decoded. Modifiers (const, volatile, restrict, type tags) are `modifier`. */
export type BtfType =
  | { readonly kind: "void" }
  | {
      readonly kind: "int";
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly bool: boolean;
      readonly char: boolean;
    }
  | { readonly kind: "pointer"; readonly target: number }
  | { readonly kind: "array"; readonly element: number; readonly length: number }
  | {
      readonly kind: "struct" | "union";
      readonly name: string;
      readonly size: number;
      readonly members: readonly BtfMember[];
    }
  | {
      readonly kind: "enum";
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    }
  | { readonly kind: "forward"; readonly name: string; readonly union: boolean }
  | { readonly kind: "typedef"; readonly name: string; readonly target: number }
  | { readonly kind: "modifier"; readonly target: number; readonly tag?: string }
  | { readonly kind: "function"; readonly name: string; readonly prototype: number }
  | { readonly kind: "prototype"; readonly result: number; readonly parameters: readonly BtfParameter[] }
  | { readonly kind: "float"; readonly size: number }
  | { readonly kind: "other" };

export interface BtfMember {
  /** Empty for anonymous members. */
  readonly name: string;
  readonly type: number;
  readonly bitOffset: number;
  /** 0: not a bitfield. */
  readonly bitWidth: number;
}
export interface BtfParameter {
  readonly name: string;
  readonly type: number;
}

/** What the user asked for on the command line. */
export interface CheckOptions {
  /** `$1`, `$2`, ... */
  readonly positional: readonly string[];
  /** `--name=value` after `--`; a bare `--name` is `true`. */
  readonly named?: Readonly<Record<string, string>>;
  readonly unsafe: boolean;
  /** Environment settings (`BPFTRACE_MAX_STRLEN` as `max_strlen`), which win over the config block. */
  readonly config?: Readonly<Record<string, string>>;
  /** `-p`: where `uprobe:*` and `usdt:*` look. */
  readonly pid?: number;
  /** `-c` was given: `cpid` is known when the program starts. */
  readonly child?: boolean;
  /** Keep `test:` (`--test`) or `bench:` (`--bench`) probes. */
  readonly mode?: "trace" | "test" | "bench";
}

import { olderBtf, parseBtf } from "../btf/index.ts";
import type { Btf } from "../btf/index.ts";
import { BpfkitError } from "../errors.ts";
import { encode } from "../isa/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../kernel/index.ts";
import { coreResolver, parseTracepointFormat, relocate } from "../object/index.ts";
import type {
  MapSpec,
  ObjectSpec,
  ProgramSpec,
  RelocationInputs,
  TracepointFormat,
} from "../object/index.ts";
import { BPF_ATTACH_TYPE, BPF_F, BPF_MAP_TYPE, BPF_PROG_TYPE, ERRNO } from "../uapi/index.ts";
import { lazy } from "../util/index.ts";
import {
  addLineTexts,
  encodeFunctionInfo,
  encodeLineInfo,
  FUNCTION_INFO_SIZE,
  LINE_INFO_SIZE,
} from "./debug-info.ts";
import type { ObjectDebugInfo } from "./debug-info.ts";
import { Features } from "./features.ts";
import { JumpTables } from "./jump-tables.ts";
import { KernelSymbols } from "./kernel-symbols.ts";
import { kernelVersionCode } from "./kernel-version.ts";
import { KernelTypes } from "./kernel-types.ts";
import { kconfigContents } from "./kconfig.ts";
import { arenaDataOffset, createMap, kernelName, reusedMap } from "./map-create.ts";
import type { LoadedMap } from "./map.ts";
import { loadProgram } from "./program-load.ts";
import { functionOf } from "./program-target.ts";
import { TargetError } from "./target-error.ts";
import { borrowToken } from "./token.ts";
import { fitStructOps } from "./struct-ops.ts";
import type { FittedStructOps } from "./struct-ops.ts";

export interface LoadOptions {
  readonly kernel: Kernel;
  /** First contents of maps by name, in place of the spec's: values known only now, as positional parameters. */
  readonly contents?: ReadonlyMap<string, Uint8Array>;
  /** 0 (default): a log only of a rejected program. 1 and 2: bits of BPF_LOG, kept of all programs. */
  readonly logLevel?: number;
  /** Maps by name that are in the kernel already and take the place of the object's own; they stay the caller's. */
  readonly reuse?: ReadonlyMap<string, Fd>;
  /** Programs in the kernel that programs of this object, by name, replace a function of (freplace) or attach to. */
  readonly targets?: ReadonlyMap<string, Fd>;
  /** Folder of a bpf file system for maps that are pinned by name; /sys/fs/bpf if not given. */
  readonly pinRoot?: string;
  /** Right to load that a token of a bpf file system lends (Linux 6.9); it stays the caller's. */
  readonly token?: Fd;
  /** Root of the bpf file system that is asked for a token where this process may not load; /sys/fs/bpf if not given. */
  readonly tokenFrom?: string;
  /** The kernel's answers, where someone has them already. */
  readonly features?: Features;
  /** Types of the kernel by which CO-RE relocations are met; those of the running one and its modules if not given. */
  readonly coreTypes?: Btf;
  /** A network device that programs are bound to: its index, BPF_PROG_FLAG bits that say how, and maps with them. */
  readonly device?: { readonly ifindex: number; readonly flags: number; readonly maps?: boolean };
}

/** A program in the kernel. */
export interface LoadedProgram {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly fd: Fd;
  /** The verifier's log, if `logLevel` asked for it. */
  readonly log: string;
}

/** What an object became in the kernel; disposal closes its maps and programs. */
export interface LoadedObject extends Disposable {
  readonly maps: ReadonlyMap<string, LoadedMap>;
  readonly programs: ReadonlyMap<string, LoadedProgram>;
}

/**
 * Creates an object's maps and loads its programs. Nothing stays in the kernel if it fails.
 * @throws VerifierError, SyscallError, ObjectError for relocations that this kernel cannot meet
 */
export function loadObject(spec: ObjectSpec, options: LoadOptions): LoadedObject {
  try {
    return loadOnce(spec, options);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EPERM || options.token) throw error;
    const token = borrowToken(options.kernel, options.tokenFrom);
    if (token === undefined) throw error;
    try {
      return loadOnce(spec, { ...options, token });
    } finally {
      options.kernel.close(token);
    }
  }
}

function loadOnce(spec: ObjectSpec, options: LoadOptions): LoadedObject {
  using loading = new Loading(spec, options);
  return loading.run();
}

class Loading implements Disposable {
  readonly #spec: ObjectSpec;
  readonly #kernel: Kernel;
  readonly #options: LoadOptions;
  readonly #types: KernelTypes;
  readonly #symbols: KernelSymbols;
  readonly #features: () => Features;
  readonly #structOps = new Map<string, FittedStructOps>();
  readonly #maps = new Map<string, LoadedMap>();
  readonly #programs = new Map<string, LoadedProgram>();
  readonly #formats = new Map<string, TracepointFormat | undefined>();
  #debug: ObjectDebugInfo | undefined;
  #btf: Fd | undefined;
  #done = false;

  constructor(spec: ObjectSpec, options: LoadOptions) {
    this.#spec = spec;
    this.#kernel = options.kernel;
    this.#options = options;
    this.#types = new KernelTypes(options.kernel, options.coreTypes);
    this.#features = lazy(() => options.features ?? new Features(options.kernel));
    this.#symbols = new KernelSymbols(options.kernel, this.#types, spec.btf);
  }

  run(): LoadedObject {
    const kernel = this.#kernel;
    this.#loadBtf();
    for (const map of this.#spec.maps)
      if (map.autocreate !== false) this.#maps.set(map.name, this.#createMap(map));
    const inputs = this.#relocationInputs();
    for (const program of this.#spec.programs)
      if (program.autoload !== false && this.#isUsed(program))
        this.#programs.set(program.name, this.#load(this.#fit(program), inputs));
    this.#fillSlots();
    this.#fillStructOps();
    this.#done = true;
    return new KernelObject(kernel, this.#maps, this.#programs);
  }

  [Symbol.dispose](): void {
    // Maps and programs hold the BTF objects they use.
    if (this.#btf !== undefined) this.#kernel.close(this.#btf);
    this.#types[Symbol.dispose]();
    if (!this.#done) new KernelObject(this.#kernel, this.#maps, this.#programs)[Symbol.dispose]();
  }

  #createMap(map: MapSpec): LoadedMap {
    const kernel = this.#kernel;
    const reused = this.#options.reuse?.get(map.name);
    if (reused !== undefined) return reusedMap(kernel, map, reused);
    const { token, device } = this.#options;
    const onDevice = device?.maps === true && map.type !== BPF_MAP_TYPE.PERF_EVENT_ARRAY;
    const more = {
      ...(token && { map_token_fd: token }),
      ...(onDevice && { map_ifindex: device.ifindex }),
    };
    const contents = this.#options.contents?.get(map.name);
    if (map.structOps && this.#spec.btf) {
      const { structOps } = map;
      const ops = contents ? { ...structOps, data: contents } : structOps;
      const fitted = fitStructOps(map, ops, parseBtf(this.#spec.btf), this.#types);
      this.#structOps.set(map.name, fitted);
      return createMap(kernel, fitted.spec, this.#btf, { ...fitted.attr, ...more, btf_fd: this.#btf });
    }
    const first = contents ?? this.#kconfig(map);
    const filled = first ? { ...map, contents: first } : map;
    const { pinRoot } = this.#options;
    const contentsOffset = this.#arenaBase(filled);
    return createMap(kernel, filled, this.#btf, more, { contentsOffset, ...(pinRoot && { pinRoot }) });
  }

  /** Variables lie at an arena's end where programs can address that, so that its start stays unmapped. */
  #arenaBase(map: MapSpec): number {
    if (map.type !== BPF_MAP_TYPE.ARENA || !this.#features().has("wideMapOffsets")) return 0;
    return arenaDataOffset(map, this.#kernel.pageSize);
  }

  #kconfig({ name, valueSize }: MapSpec): Uint8Array | undefined {
    const { kconfig } = this.#spec;
    return kconfig && name.endsWith(".kconfig")
      ? kconfigContents(this.#kernel, kconfig, valueSize)
      : undefined;
  }

  /** BTF serves readers of logs and dumps: a kernel that does not take it runs the program all the same. */
  #loadBtf(): void {
    const { btf } = this.#spec;
    if (!btf || this.#tryBtf(btf, true)) return;
    for (const older of olderBtf(parseBtf(btf))) if (this.#tryBtf(older.bytes, older.features.func)) return;
  }

  /** `functions`: the types still tell of functions, as information about a program's functions needs. */
  #tryBtf(btf: Uint8Array, functions: boolean): boolean {
    const { token } = this.#options;
    const debug = functions ? addLineTexts(btf, this.#spec.programs) : undefined;
    try {
      this.#btf = this.#kernel.bpf("BTF_LOAD", {
        btf: debug?.btf ?? btf,
        ...(token && { btf_token_fd: token, btf_flags: BPF_F.TOKEN_FD }),
      });
      this.#debug = debug;
      return true;
    } catch (error) {
      if (error instanceof SyscallError) return false;
      throw error;
    }
  }

  /** Programs of USDT probes run at many places: by one link, where the kernel has such links. */
  #fit(program: ProgramSpec): ProgramSpec {
    if (!/^usdt(\.s)?(\/|$)/.test(program.section) || !this.#features().has("uprobeMulti")) return program;
    return { ...program, expectedAttachType: BPF_ATTACH_TYPE.TRACE_UPROBE_MULTI };
  }

  #load(program: ProgramSpec, inputs: RelocationInputs): LoadedProgram {
    const { device, token } = this.#options;
    using tables = new JumpTables(this.#kernel);
    const insns = encode(relocate(program, { ...inputs, jumpTable: (targets) => tables.map(targets) }));
    const attr = {
      prog_type: program.type,
      insns,
      fd_array: this.#symbols.fdArray,
      license: this.#spec.license,
      prog_name: kernelName(program.name),
      prog_flags: (program.flags ?? 0) | (device?.flags ?? 0) | (token ? BPF_F.TOKEN_FD : 0),
      prog_token_fd: token,
      prog_ifindex: device?.ifindex,
      expected_attach_type: program.expectedAttachType,
      kern_version: program.type === BPF_PROG_TYPE.KPROBE ? kernelVersionCode(this.#kernel) : undefined,
      ...this.#attachTarget(program),
      ...this.#structOpsTarget(program),
      ...this.#debugInfo(program),
    };
    const { fd, log } = loadProgram(this.#kernel, program, attr, this.#options.logLevel ?? 0, this.#spec.btf);
    this.#bindConstants(program, fd);
    return { name: program.name, spec: program, fd, log };
  }

  /** Constants that no instruction reads are metadata (`bpf_metadata_…`): they live as long as the program. */
  #bindConstants({ relocations }: ProgramSpec, prog_fd: Fd): void {
    for (const [name, { fd: map_fd }] of this.#maps) {
      if (!name.startsWith(".rodata")) continue;
      if (relocations.some((relocation) => relocation.kind === "map" && relocation.map === name)) continue;
      bindMap(this.#kernel, { prog_fd, map_fd });
    }
  }

  /** Programs whose struct_ops maps are not to be made are not to be loaded either. */
  #isUsed({ type, name }: ProgramSpec): boolean {
    if (type !== BPF_PROG_TYPE.STRUCT_OPS) return true;
    const users = this.#spec.maps.filter(({ structOps }) =>
      structOps?.programs.some((pointer) => pointer.name === name),
    );
    return users.length === 0 || users.some(({ autocreate }) => autocreate !== false);
  }

  #structOpsTarget({ type, name }: ProgramSpec): Partial<BpfAttr["PROG_LOAD"]> {
    if (type !== BPF_PROG_TYPE.STRUCT_OPS) return {};
    const [first, ...others] = [...this.#structOps.values()].flatMap(
      ({ programs }) => programs.get(name) ?? [],
    );
    if (!first)
      throw new BpfkitError(`No struct_ops map has program ${name} as a member`, {
        code: "loader/struct-ops",
      });
    const other = others.find(
      (one) =>
        one.attach_btf_id !== first.attach_btf_id || one.expected_attach_type !== first.expected_attach_type,
    );
    if (other)
      throw new BpfkitError(`Program ${name} is a member of two kinds of struct_ops`, {
        code: "loader/struct-ops",
        hints: ["The kernel checks a program for one member of one struct: write two programs"],
      });
    return first;
  }

  #fillStructOps(): void {
    for (const { spec, pointers } of this.#structOps.values()) {
      const view = new DataView(spec.contents.buffer);
      for (const { offset, program } of pointers) {
        const fd = this.#programs.get(program)?.fd;
        if (fd === undefined)
          throw new BpfkitError(`Map ${spec.name} names program ${program}, which is not loaded`, {
            code: "loader/struct-ops",
          });
        view.setBigUint64(offset, BigInt(fd), true);
      }
    }
  }

  #attachTarget({
    name,
    type,
    attachTarget,
    expectedAttachType = 0,
  }: ProgramSpec): Partial<BpfAttr["PROG_LOAD"]> {
    if (attachTarget === undefined) return {};
    const target = this.#options.targets?.get(name);
    if (target !== undefined)
      return { attach_prog_fd: target, attach_btf_id: functionOf(this.#kernel, target, attachTarget, name) };
    if (type === BPF_PROG_TYPE.EXT)
      throw new TargetError(
        name,
        `Program ${name} replaces function ${attachTarget} of a program that was not given`,
        ["Load the other program first, and name it as this one's target"],
      );
    const { id, module } = this.#types.attachTarget(attachTarget, expectedAttachType, name);
    return { attach_btf_id: id, attach_prog_fd: module === 0 ? undefined : module };
  }

  #debugInfo({ functions, lines }: ProgramSpec): Partial<BpfAttr["PROG_LOAD"]> {
    if (this.#btf === undefined || !this.#debug || functions.length === 0) return {};
    return {
      prog_btf_fd: this.#btf,
      func_info: encodeFunctionInfo(functions),
      func_info_cnt: functions.length,
      func_info_rec_size: FUNCTION_INFO_SIZE,
      ...(lines.length > 0 && {
        line_info: encodeLineInfo(lines, this.#debug.offsets),
        line_info_cnt: lines.length,
        line_info_rec_size: LINE_INFO_SIZE,
      }),
    };
  }

  #relocationInputs(): RelocationInputs {
    const types = this.#types;
    const kinds = new Set(
      this.#spec.programs.flatMap(({ relocations }) => relocations.map(({ kind }) => kind)),
    );
    // The kernel's BTF is megabytes: it is read only where a relocation needs it.
    const core =
      kinds.has("core") && this.#spec.btf
        ? coreResolver(parseBtf(this.#spec.btf), types.forRelocations())
        : undefined;
    return {
      ...(core && { core }),
      mapFd: (name) => this.#map(name).fd,
      mapBase: (name) => this.#arenaBase(this.#map(name).spec),
      tracepointField: (tracepoint, field) =>
        this.#format(tracepoint)?.fields.find(({ name }) => name === field),
      kfunc: (name) => this.#symbols.kfunc(name),
      ksymType: (name, typeId) => this.#symbols.variable(name, typeId),
      ksymAddress: (name) => this.#symbols.address(name),
    };
  }

  #map(name: string): LoadedMap {
    const map = this.#maps.get(name);
    if (map) return map;
    throw new BpfkitError(`The object has no map ${name}`, { code: "loader/no-map" });
  }

  #format(tracepoint: string): TracepointFormat | undefined {
    if (!this.#formats.has(tracepoint)) {
      const text = this.#kernel.files.tracefs(`events/${tracepoint.replace(":", "/")}/format`);
      this.#formats.set(tracepoint, text === undefined ? undefined : parseTracepointFormat(text));
    }
    return this.#formats.get(tracepoint);
  }

  #fillSlots(): void {
    for (const { name, slots } of this.#spec.maps)
      for (const slot of slots ?? []) {
        const fd = this.#programs.get(slot.name)?.fd ?? this.#map(slot.name).fd;
        this.#map(name).update(u32(slot.index), u32(fd));
      }
  }
}

class KernelObject implements LoadedObject {
  readonly #kernel: Kernel;
  readonly maps: ReadonlyMap<string, LoadedMap>;
  readonly programs: ReadonlyMap<string, LoadedProgram>;
  #open = true;

  constructor(
    kernel: Kernel,
    maps: ReadonlyMap<string, LoadedMap>,
    programs: ReadonlyMap<string, LoadedProgram>,
  ) {
    this.#kernel = kernel;
    this.maps = maps;
    this.programs = programs;
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    for (const { fd } of this.programs.values()) this.#kernel.close(fd);
    for (const map of this.maps.values()) map[Symbol.dispose]();
  }
}

/** Kernels before 5.10 do not know how; the program runs all the same. */
function bindMap(kernel: Kernel, attr: BpfAttr["PROG_BIND_MAP"]): void {
  try {
    kernel.bpf("PROG_BIND_MAP", attr);
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== ERRNO.EINVAL) throw error;
  }
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

import { realpathSync, statSync } from "node:fs";
import type { ProcessTracer, Registers } from "../../index.ts";
import type { Hook } from "../events/index.ts";
import { readText } from "./proc-files.ts";

type UserHook = Extract<Hook, { kind: "uprobe" }>;

/** A file that is probed, as /proc/PID/maps may show it. */
interface ProbedFile {
  readonly path: string;
  readonly inode: number;
}

interface Probe {
  readonly hook: UserHook;
  readonly file: ProbedFile;
}

interface Return {
  readonly address: bigint;
  /** Of the frame that returns: behind the return it lies above. */
  readonly stack: bigint;
  readonly hooks: readonly UserHook[];
}

/** What a hit means: the hooks to raise. */
export interface Hit {
  readonly hooks: readonly UserHook[];
  readonly registers: Registers;
}

const EXECUTABLE = /^([0-9a-f]+)-([0-9a-f]+) ..x. ([0-9a-f]+) \S+ (\d+) +(.*)$/gm;

/**
 * uprobes and uretprobes by breakpoints: put where a process has the file in its memory, whenever it maps code. A return
 * is met by a breakpoint at the place that the function was called from.
 */
export class UserProbes {
  readonly #arch: string;
  readonly #probes = new Map<string, Probe>();
  /** By process, then by address. */
  readonly #entries = new Map<number, Map<bigint, Probe[]>>();
  /** By process and address: how many calls will return there. */
  readonly #targets = new Map<string, number>();
  /** By thread, innermost last. */
  readonly #returns = new Map<number, Return[]>();

  constructor(arch: string) {
    this.#arch = arch;
  }

  get any(): boolean {
    return this.#probes.size > 0;
  }

  /** False if there is no such file. */
  add(name: string, hook: UserHook): boolean {
    try {
      const path = realpathSync(hook.path);
      this.#probes.set(name, { hook, file: { path, inode: statSync(path).ino } });
      return true;
    } catch {
      return false;
    }
  }

  remove(name: string): void {
    this.#probes.delete(name);
  }

  /** Puts breakpoints into what the process has in its memory now. */
  place(tracer: ProcessTracer, process: number): void {
    const maps = readText(`/proc/${process}/maps`) ?? "";
    const entries = this.#entries.get(process) ?? new Map<bigint, Probe[]>();
    this.#entries.set(process, entries);
    for (const [, start = "0", end = "0", offset = "0", inode, path] of maps.matchAll(EXECUTABLE)) {
      for (const probe of this.#probes.values()) {
        if (path !== probe.file.path && Number(inode) !== probe.file.inode) continue;
        const address = BigInt(`0x${start}`) + probe.hook.offset - BigInt(`0x${offset}`);
        if (address < BigInt(`0x${start}`) || address >= BigInt(`0x${end}`)) continue;
        const there = entries.get(address) ?? [];
        if (there.includes(probe) || !tracer.setBreakpoint(process, address)) continue;
        entries.set(address, [...there, probe]);
      }
    }
  }

  /** A child has its parent's memory, and the breakpoints in it. */
  inherit(parent: number, child: number): void {
    const entries = this.#entries.get(parent);
    if (entries) this.#entries.set(child, new Map(entries));
  }

  forget(process: number): void {
    this.#entries.delete(process);
    this.#returns.delete(process);
    for (const key of this.#targets.keys()) if (key.startsWith(`${process}:`)) this.#targets.delete(key);
  }

  forgetThread(thread: number): void {
    this.#returns.delete(thread);
  }

  hit(tracer: ProcessTracer, thread: number, process: number, address: bigint): Hit | undefined {
    const registers = tracer.registers(thread);
    if (!registers) return undefined;
    const probes = this.#entries.get(process)?.get(address) ?? [];
    const entered = probes.flatMap(({ hook }) => (hook.return ? [] : [hook]));
    const returning = probes.flatMap(({ hook }) => (hook.return ? [hook] : []));
    const returned = this.#returned(tracer, thread, process, address, registers);
    if (returning.length > 0) this.#expectReturn(tracer, thread, process, registers, returning);
    return { hooks: [...returned, ...entered], registers };
  }

  #expectReturn(
    tracer: ProcessTracer,
    thread: number,
    process: number,
    registers: Registers,
    hooks: readonly UserHook[],
  ): void {
    const address = this.#returnAddress(tracer, thread, registers);
    if (address === undefined || !tracer.setBreakpoint(process, address)) return;
    const key = `${process}:${address}`;
    this.#targets.set(key, (this.#targets.get(key) ?? 0) + 1);
    const stack = this.#returns.get(thread) ?? [];
    stack.push({ address, stack: registers.stackPointer, hooks });
    this.#returns.set(thread, stack);
  }

  /** On x86-64 the call has pushed it; on arm64 it is in x30. */
  #returnAddress(tracer: ProcessTracer, thread: number, registers: Registers): bigint | undefined {
    const [bytes, at] =
      this.#arch === "arm64"
        ? [registers.bytes, LINK_REGISTER]
        : [tracer.read(thread, registers.stackPointer, 8), 0];
    if (bytes.length < at + 8) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(at, true);
  }

  /** The frames that have returned here; those within them were left without a return, as by longjmp. */
  #returned(
    tracer: ProcessTracer,
    thread: number,
    process: number,
    address: bigint,
    registers: Registers,
  ): readonly UserHook[] {
    const stack = this.#returns.get(thread);
    if (!stack || !stack.some((each) => each.address === address)) return [];
    const behind = (each: Return): boolean =>
      this.#arch === "arm64" ? registers.stackPointer >= each.stack : registers.stackPointer > each.stack;
    const hooks: UserHook[] = [];
    for (let last = stack.at(-1); last && behind(last); last = stack.at(-1)) {
      stack.pop();
      if (last.address === address) hooks.push(...last.hooks);
      this.#release(tracer, process, last.address);
    }
    return hooks;
  }

  #release(tracer: ProcessTracer, process: number, address: bigint): void {
    const key = `${process}:${address}`;
    const left = (this.#targets.get(key) ?? 1) - 1;
    if (left > 0) {
      this.#targets.set(key, left);
      return;
    }
    this.#targets.delete(key);
    if (!this.#entries.get(process)?.has(address)) tracer.clearBreakpoint(process, address);
  }
}

/** x30 in struct user_pt_regs. */
const LINK_REGISTER = 30 * 8;

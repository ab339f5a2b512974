import type { Span } from "../../diagnostic.ts";
import { addFunction, type Block, Builder, createModule, type IrModule, type Value } from "../../ir/index.ts";
import type { CheckedProbe, CheckedTarget, LocalVariable, TypedBlock, TypedExpression } from "../typed.ts";
import { Code } from "./code.ts";
import { Facts, type Knowledge } from "./facts.ts";
import { type Destination, directPlace, type Place } from "./memory.ts";
import { roundUp } from "./storage.ts";
import { SCRATCH, type Unit } from "./unit.ts";
import { isWide } from "./value-form.ts";

/** The parts of the lowering that call each other; handed in, so that their files need not import each other. */
export interface Emitters {
  /** A value that fits a register: i32 up to 4 bytes (narrower ones extended by their sign), else i64. */
  scalar(body: Body, expression: TypedExpression): Value;
  /** Writes the value's bytes. */
  store(body: Body, expression: TypedExpression, destination: Destination): void;
  /** Where a value that does not fit a register lies, or is put for this purpose. */
  locate(body: Body, expression: TypedExpression): Place;
  /** Goes on in one of two blocks. Yields what is known where the answer is true. */
  test(body: Body, expression: TypedExpression, whenTrue: Block, whenFalse: Block): Knowledge;
  block(body: Body, block: TypedBlock): void;
}

/** Objects up to this many bytes live on the stack. */
const STACK_OBJECT = 64;
/** Of the kernel's 512 bytes; the rest is left to spills. */
const STACK_ROOM = 384;

/** How a helper calls back: how many parameters, and which of them is what the caller handed over. */
export interface CallbackShape {
  readonly parameters: number;
  readonly data: number;
}

export interface BodyOptions {
  readonly unit: Unit;
  readonly probe: CheckedProbe;
  readonly target: CheckedTarget;
  readonly name: string;
  readonly emitters: Emitters;
  /** Who a callback is for, and how it is called. */
  readonly caller?: { readonly body: Body; readonly shape: CallbackShape };
}

/** One program, or one of its callbacks, while it is written. */
export class Body {
  readonly unit: Unit;
  readonly probe: CheckedProbe;
  /** The first target, which stands for all when they share the program. */
  readonly target: CheckedTarget;
  readonly module: IrModule;
  readonly b: Builder;
  readonly code: Code<LocalVariable>;
  readonly context: Value;
  readonly exit: Block;
  readonly facts: Facts = new Facts();
  /**
   * Addresses that the verifier knows as pointers to kernel records, read by plain loads. What is loaded
   * through a `trusted` one may be a pointer that the verifier wants compared with null.
   */
  readonly typed: WeakMap<Value, "trusted" | "untrusted"> = new WeakMap();
  /** Variables that hold such an address on some way, so that the verifier may see a pointer in them. */
  readonly mayBeTyped: WeakSet<LocalVariable> = new WeakSet();
  /** Memory of variables that do not fit a register or whose address is taken. */
  readonly homes: Map<LocalVariable, Place> = new Map();
  /** Address of what callbacks share with the program. */
  shared: Value | undefined;
  /** Loop variables over a map: key and value lie apart. */
  readonly pairs: Map<LocalVariable, readonly [key: Place, value: Place]> = new Map();
  /** Where `break` and `continue` go. */
  readonly loops: { readonly next: Block; readonly end: Block }[] = [];
  readonly #emitters: Emitters;
  /** Where memory is looked up, and where control goes from there. */
  #prologue: { readonly from: Block; readonly to: Block };
  #scratch: { readonly base: Value; readonly from: Block } | undefined;
  #scratchUsed = 0;
  #span: Span;
  #stackUsed = 0;
  #stackKept = 0;

  constructor({ unit, probe, target, name, emitters, caller }: BodyOptions) {
    this.unit = unit;
    this.probe = probe;
    this.target = target;
    this.#emitters = emitters;
    this.module = caller?.body.module ?? createModule();
    const position = unit.position(probe.span);
    this.#span = probe.span;
    const count = caller?.shape.parameters ?? 1;
    const params = Array<"ptr">(count).fill("ptr");
    const typeId = caller ? unit.types.callback(name, count) : unit.types.program(name);
    const fn = addFunction(this.module, { name, params, result: "i32", typeId, position });
    this.b = new Builder(fn);
    this.code = new Code(this.b, (variable) => (isWide(variable.type) ? this.b.i64(0) : this.b.i32(0)));
    this.exit = this.b.block("exit");
    this.#prologue = this.#openPrologue();
    // A callback finds the program's context where its caller put it.
    this.context = caller ? this.b.load("ptr", 8, this.b.param(caller.shape.data)) : this.b.param(0);
    this.#scratchUsed = caller ? caller.body.#scratchUsed : 0;
  }

  /** A function that a helper calls. */
  callback(name: string, shape: CallbackShape): Body {
    const { unit, probe, target } = this;
    return new Body({ unit, probe, target, name, emitters: this.#emitters, caller: { body: this, shape } });
  }

  scalar(expression: TypedExpression): Value {
    return this.#at(expression.span, () => this.#emitters.scalar(this, expression));
  }

  store(expression: TypedExpression, destination: Destination): void {
    this.#at(expression.span, () => this.#emitters.store(this, expression, destination));
  }

  locate(expression: TypedExpression): Place {
    return this.#at(expression.span, () => this.#emitters.locate(this, expression));
  }

  test(expression: TypedExpression, whenTrue: Block, whenFalse: Block): Knowledge {
    return this.#at(expression.span, () => this.#emitters.test(this, expression, whenTrue, whenFalse));
  }

  block(block: TypedBlock): void {
    this.#emitters.block(this, block);
  }

  /** Everything written by `write` is said to come from `span`. */
  at(span: Span, write: () => void): void {
    this.#at(span, write);
  }

  #at<T>(span: Span, write: () => T): T {
    const before = [this.b.position, this.#span] as const;
    this.b.position = this.unit.position(span);
    this.#span = span;
    const result = write();
    [this.b.position, this.#span] = before;
    return result;
  }

  /** What of the script is being written. */
  get span(): Span {
    return this.#span;
  }

  /** A value that is the same wherever it is asked for in this run; computed once where it can be seen. */
  once(key: string, make: () => Value): Value {
    const known = this.facts.get(key);
    if (known !== undefined) return known;
    const value = make();
    this.facts.set(key, value);
    return value;
  }

  /**
   * From here on per-CPU memory, when it is needed first, is looked up at this point: what ran before (a
   * predicate that fails) does not pay for it.
   */
  restartPrologue(): void {
    this.#closePrologue();
    this.#prologue = this.#openPrologue();
  }

  #openPrologue(): { readonly from: Block; readonly to: Block } {
    const prologue = { from: this.b.current, to: this.b.block("body") };
    this.b.at(prologue.to);
    return prologue;
  }

  #closePrologue(): void {
    const here = this.b.current;
    const { from, to } = this.#prologue;
    this.b.at(from);
    if (this.#scratch?.from === from)
      this.b.branchIf("ne", this.#scratch.base, this.b.null(), to, this.exit, { likely: true });
    else this.b.br(to);
    this.b.at(here);
  }

  /** Uninitialised memory for a value, good until the innermost {@link withTemporaries} ends. */
  temporary(size: number, align = 8, name?: string): Place {
    const room = roundUp(size, 8);
    if (this.fitsStack(size)) {
      this.#stackUsed += room;
      return this.#slot(size, align, name);
    }
    return this.scratch(size);
  }

  /** Likewise, but always in per-CPU memory, which also takes variable offsets. */
  scratch(size: number): Place {
    const offset = this.#scratchUsed;
    this.#scratchUsed += roundUp(size, 8);
    this.unit.needScratch(this.#scratchUsed);
    return directPlace(this.#scratchBase(), offset);
  }

  /** Memory on the stack that is good until the program ends. */
  permanent(size: number, align: number, name?: string): Place {
    this.#stackKept += roundUp(size, 8);
    return this.#slot(size, align, name);
  }

  /** Objects of a word and more begin at one, so that they are copied and compared by words. */
  #slot(size: number, align: number, name: string | undefined): Place {
    return directPlace(this.b.alloca(size, size >= 8 ? 8 : align, name));
  }

  /** Whether an object of this many bytes is put on the stack; else it goes to per-CPU memory. */
  fitsStack(size: number): boolean {
    return size <= STACK_OBJECT && this.#stackUsed + this.#stackKept + roundUp(size, 8) <= STACK_ROOM;
  }

  /** Runs `write`, then gives back the temporaries it took. */
  withTemporaries<T>(write: () => T): T {
    const stack = this.#stackUsed;
    const scratch = this.#scratchUsed;
    const result = write();
    this.#stackUsed = stack;
    this.#scratchUsed = scratch;
    return result;
  }

  /** A u32 with value 0 in memory: the key of a one-element array. */
  zeroKey(): Value {
    return this.once("zero key", () => this.#newZeroKey());
  }

  #newZeroKey(): Value {
    const slot = this.b.alloca(4, 4, "zero");
    this.b.store(4, slot, this.b.i32(0));
    return slot;
  }

  #scratchBase(): Value {
    if (this.#scratch === undefined) {
      const here = this.b.current;
      const { from } = this.#prologue;
      this.b.at(from);
      const base = this.code.helper("map_lookup_elem", this.b.mapRef(SCRATCH), this.#newZeroKey());
      this.#scratch = { base, from };
      this.b.at(here);
    }
    return this.#scratch.base;
  }

  /** Closes the function; `exit` comes last and yields `result`. */
  finish(result = 0, beforeExit?: () => void): IrModule {
    this.#closePrologue();
    this.b.at(this.exit);
    beforeExit?.();
    this.b.ret(this.b.i32(result));
    const { fn } = this.b;
    fn.blocks = [...fn.blocks.filter((block) => block !== this.exit), this.exit];
    return this.module;
  }
}

import { BtfError } from "../error.ts";
import { BtfKind } from "../kind.ts";
import type { CWriter } from "./c-writer.ts";
import { elementOf, HEAD, kindSet, nameOf, onwardOf, targetOf, isText, vlenOf } from "./type-table.ts";
import type { TypeTable } from "./type-table.ts";

const Order = { None: 0, Running: 1, Done: 2 } as const;
const Emit = { None: 0, Running: 1, Done: 2 } as const;
const STRONG = true;
const WEAK = false;
const UNKNOWN = 0;
const NO = 1;
const YES = 2;

/** GCC's names for vector elements, which other compilers do not know. */
const missingAliases = [
  ["__Poly8_t", "unsigned char"],
  ["__Poly16_t", "unsigned short"],
  ["__Poly64_t", "unsigned long long"],
  ["__Poly128_t", "unsigned __int128"],
] as const;

const maxDepth = 1024;

/** Kinds that are defined by their name. */
const defined = kindSet([
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Enum,
  BtfKind.Enum64,
  BtfKind.Fwd,
  BtfKind.Typedef,
]);

/**
 * Emits definitions so that each type is complete where C demands it: first an order by what embeds what,
 * then the definitions in that order, with forward declarations where pointers make a cycle.
 */
export class CEmitter {
  readonly #table: TypeTable;
  readonly #writer: CWriter;
  readonly #order: Uint8Array;
  readonly #emit: Uint8Array;
  readonly #forwarded: Uint8Array;
  readonly #queue: number[] = [];
  #stepsLeft: number;

  constructor(table: TypeTable, writer: CWriter) {
    this.#table = table;
    this.#writer = writer;
    this.#order = new Uint8Array(table.count);
    this.#emit = new Uint8Array(table.count);
    this.#forwarded = new Uint8Array(table.count);
    this.#order[0] = Order.Done;
    this.#emit[0] = Emit.Done;
    // Types share what they refer to, so a made-up graph could be walked for ever; real ones take some 10 steps a type.
    this.#stepsLeft = 1_000_000 + table.count * 500;
  }

  /** Writes the type's definition with all that it needs, unless they are there already. */
  define(id: number): void {
    if (this.#order[id] === Order.Done) return;
    this.#queue.length = 0;
    this.#arrange(id, false, 0);
    for (const queued of this.#queue) this.#emitType(queued, 0, 0);
  }

  /**
   * Once almost everything with a name is defined, what is left (forward declarations, typedefs of incomplete
   * types) can be added: tells which types lead to one of them.
   */
  pending(): (id: number) => boolean {
    const { count } = this.#table;
    let some = false;
    for (let id = 1; id < count && !some; id++) some = this.#waits(id);
    if (!some) return () => false;
    const known = new Uint8Array(count);
    return (id) => this.#leadsToPending(id, known, 0);
  }

  /** The type is to be defined at the top, and is not yet. */
  #waits(id: number): boolean {
    return (
      this.#order[id] !== Order.Done &&
      defined[this.#table.kinds[id]!] === 1 &&
      (nameOf(this.#table, id) !== 0 || (this.#isEnum(id) && this.#table.referenced[id] === 0))
    );
  }

  #isEnum(id: number): boolean {
    const kind = this.#table.kinds[id];
    return kind === BtfKind.Enum || kind === BtfKind.Enum64;
  }

  #leadsToPending(id: number, known: Uint8Array, depth: number): boolean {
    if (known[id] !== UNKNOWN) return known[id] === YES;
    this.#step(id, depth);
    // A cycle adds nothing to what its other types lead to.
    known[id] = NO;
    const table = this.#table;
    const { words, starts } = table;
    const kind = table.kinds[id]!;
    let found = this.#waits(id);
    const first = starts[id]! + HEAD + 1;
    switch (kind) {
      case BtfKind.Typedef:
        break;
      case BtfKind.Struct:
      case BtfKind.Union:
        // Those with a name have said what they need.
        for (
          let left = nameOf(table, id) === 0 ? vlenOf(table, id) : 0, at = first;
          left > 0 && !found;
          left--, at += 3
        )
          found = this.#leadsToPending(words[at]!, known, depth + 1);
        break;
      case BtfKind.FuncProto:
        found = this.#leadsToPending(targetOf(table, id), known, depth + 1);
        for (let left = vlenOf(table, id), at = first; left > 0 && !found; left--, at += 2)
          found = this.#leadsToPending(words[at]!, known, depth + 1);
        break;
      default: {
        const onward = onwardOf(table, id);
        if (onward >= 0) found = this.#leadsToPending(onward, known, depth + 1);
      }
    }
    if (found) known[id] = YES;
    return found;
  }

  /** Whether what leads here needs the type complete (strong), or can do with a declaration. */
  #arrange(id: number, throughPointer: boolean, depth: number): boolean {
    if (this.#order[id] === Order.Done) return STRONG;
    this.#step(id, depth);
    const table = this.#table;
    const kind = table.kinds[id]!;
    const named = nameOf(table, id) !== 0;
    if (this.#order[id] === Order.Running) {
      if ((kind === BtfKind.Struct || kind === BtfKind.Union) && throughPointer && named) return WEAK;
      throw new BtfError("btf/loop", `BTF type ${id} contains itself`);
    }
    switch (kind) {
      case BtfKind.Ptr: {
        const strength = this.#arrange(targetOf(table, id), true, depth + 1);
        this.#order[id] = Order.Done;
        return strength;
      }
      case BtfKind.Array:
        return this.#arrange(elementOf(table, id), false, depth + 1);
      case BtfKind.Struct:
      case BtfKind.Union: {
        if (throughPointer && named) return WEAK;
        this.#order[id] = Order.Running;
        let at = table.starts[id]! + HEAD + 1;
        for (let left = vlenOf(table, id); left > 0; left--, at += 3)
          this.#arrange(table.words[at]!, false, depth + 1);
        if (named) this.#queue.push(id);
        this.#order[id] = Order.Done;
        return STRONG;
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Fwd:
        if (named || table.referenced[id] === 0) this.#queue.push(id);
        this.#order[id] = Order.Done;
        return STRONG;
      case BtfKind.Typedef:
        if (!this.#arrange(targetOf(table, id), throughPointer, depth + 1) && throughPointer) return WEAK;
        this.#queue.push(id);
        this.#order[id] = Order.Done;
        return STRONG;
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.#arrange(targetOf(table, id), throughPointer, depth + 1);
      case BtfKind.FuncProto: {
        let strength = this.#arrange(targetOf(table, id), throughPointer, depth + 1);
        let at = table.starts[id]! + HEAD + 1;
        for (let left = vlenOf(table, id); left > 0; left--, at += 2)
          if (this.#arrange(table.words[at]!, throughPointer, depth + 1)) strength = STRONG;
        return strength;
      }
      default:
        this.#order[id] = Order.Done;
        return WEAK;
    }
  }

  /** `container`: the struct or typedef whose definition refers to the type; 0 at the top. */
  #emitType(id: number, container: number, depth: number): void {
    if (this.#emit[id] === Emit.Done) return;
    this.#step(id, depth);
    if (this.#emit[id] === Emit.Running) return this.#emitForward(id, container);
    const table = this.#table;
    const writer = this.#writer;
    switch (table.kinds[id]) {
      case BtfKind.Int: {
        writer.claimTag(id);
        const alias = missingAliases.find(([name]) => isText(table, nameOf(table, id), name));
        if (alias) writer.out.text(`typedef ${alias[1]} ${alias[0]};\n\n`);
        this.#emit[id] = Emit.Done;
        return;
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (container === 0) {
          writer.enumeration(id, 0);
          writer.out.text(";\n\n");
        }
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Ptr:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.#emitType(targetOf(table, id), container, depth + 1);
      case BtfKind.Array:
        return this.#emitType(elementOf(table, id), container, depth + 1);
      case BtfKind.Fwd:
        writer.forward(id);
        writer.out.text(";\n\n");
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Typedef:
        this.#emit[id] = Emit.Running;
        this.#emitType(targetOf(table, id), id, depth + 1);
        if (!this.#forwarded[id]) this.#emitTypedef(id);
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#emitComposite(id, container, depth);
      case BtfKind.FuncProto: {
        this.#emitType(targetOf(table, id), container, depth + 1);
        let at = table.starts[id]! + HEAD + 1;
        for (let left = vlenOf(table, id); left > 0; left--, at += 2)
          this.#emitType(table.words[at]!, container, depth + 1);
        return;
      }
      default:
    }
  }

  #emitComposite(id: number, container: number, depth: number): void {
    const table = this.#table;
    const writer = this.#writer;
    const anonymous = nameOf(table, id) === 0;
    this.#emit[id] = Emit.Running;
    if (container === 0 || anonymous) {
      const inner = anonymous ? container : id;
      let at = table.starts[id]! + HEAD + 1;
      for (let left = vlenOf(table, id); left > 0; left--, at += 3)
        this.#emitType(table.words[at]!, inner, depth + 1);
    } else if (!this.#forwarded[id] && id !== container) {
      this.#declare(id);
    }
    if (container === 0) {
      writer.composite(id, 0);
      writer.out.text(";\n\n");
      this.#emit[id] = Emit.Done;
    } else {
      this.#emit[id] = Emit.None;
    }
  }

  /** The type is needed while it is being defined: a declaration must do. */
  #emitForward(id: number, container: number): void {
    if (this.#forwarded[id]) return;
    const kind = this.#table.kinds[id];
    if (kind === BtfKind.Struct || kind === BtfKind.Union) {
      if (id !== container && nameOf(this.#table, id) !== 0) this.#declare(id);
    } else if (kind === BtfKind.Typedef) {
      this.#emitTypedef(id);
      this.#forwarded[id] = 1;
    }
  }

  #declare(id: number): void {
    this.#writer.compositeName(id);
    this.#writer.out.text(";\n\n");
    this.#forwarded[id] = 1;
  }

  #emitTypedef(id: number): void {
    // Every compiler has its own.
    if (isText(this.#table, nameOf(this.#table, id), "__builtin_va_list")) return;
    this.#writer.typedef(id);
    this.#writer.out.text(";\n\n");
  }

  #step(id: number, depth: number): void {
    if (depth > maxDepth || --this.#stepsLeft < 0)
      throw new BtfError("btf/loop", `The types around BTF type ${id} are nested without end`);
  }
}

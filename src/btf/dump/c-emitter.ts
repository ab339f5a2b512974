import type { Btf } from "../btf.ts";
import { BtfError } from "../error.ts";
import { BtfKind, isComposite } from "../kind.ts";
import { CWriter } from "./c-writer.ts";

const Order = { None: 0, Running: 1, Done: 2 } as const;
const Emit = { None: 0, Running: 1, Done: 2 } as const;
type Strength = "strong" | "weak";

/** GCC's names for vector elements, which other compilers do not know. */
const missingAliases: ReadonlyMap<string, string> = new Map([
  ["__Poly8_t", "unsigned char"],
  ["__Poly16_t", "unsigned short"],
  ["__Poly64_t", "unsigned long long"],
  ["__Poly128_t", "unsigned __int128"],
]);

const maxDepth = 1024;

/**
 * Emits definitions so that each type is complete where C demands it: first an order by what embeds what,
 * then the definitions in that order, with forward declarations where pointers make a cycle.
 */
export class CEmitter {
  readonly #btf: Btf;
  readonly #writer: CWriter;
  readonly #order: Uint8Array;
  readonly #emit: Uint8Array;
  readonly #forwarded: Uint8Array;
  readonly #referenced: Uint8Array;
  #queue: number[] = [];
  #stepsLeft: number;

  constructor(btf: Btf, writer: CWriter) {
    this.#btf = btf;
    this.#writer = writer;
    this.#order = new Uint8Array(btf.typeCount);
    this.#emit = new Uint8Array(btf.typeCount);
    this.#forwarded = new Uint8Array(btf.typeCount);
    this.#referenced = findReferenced(btf);
    this.#order[0] = Order.Done;
    this.#emit[0] = Emit.Done;
    // Types share what they refer to, so a made-up graph could be walked for ever; real ones take some 10 steps a type.
    this.#stepsLeft = 1_000_000 + btf.typeCount * 500;
  }

  /** Writes the type's definition with all that it needs, unless they are there already. */
  define(id: number): void {
    this.#queue = [];
    this.#arrange(id, false, 0);
    for (const queued of this.#queue) this.#emitType(queued, 0, 0);
  }

  /** Whether what leads here needs the type complete (strong), or can do with a declaration. */
  #arrange(id: number, throughPointer: boolean, depth: number): Strength {
    if (this.#order[id] === Order.Done) return "strong";
    this.#step(id, depth);
    const btf = this.#btf;
    const kind = btf.kind(id);
    const named = btf.nameOffset(id) !== 0;
    if (this.#order[id] === Order.Running) {
      if (isComposite(kind) && throughPointer && named) return "weak";
      throw new BtfError("btf/loop", `BTF type ${id} contains itself`);
    }
    switch (kind) {
      case BtfKind.Ptr: {
        const strength = this.#arrange(btf.target(id), true, depth + 1);
        this.#order[id] = Order.Done;
        return strength;
      }
      case BtfKind.Array:
        return this.#arrange(btf.array(id).element, false, depth + 1);
      case BtfKind.Struct:
      case BtfKind.Union: {
        if (throughPointer && named) return "weak";
        this.#order[id] = Order.Running;
        const count = btf.vlen(id);
        for (let index = 0; index < count; index++)
          this.#arrange(btf.memberType(id, index), false, depth + 1);
        if (named) this.#queue.push(id);
        this.#order[id] = Order.Done;
        return "strong";
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
      case BtfKind.Fwd:
        if (named || !this.#referenced[id]) this.#queue.push(id);
        this.#order[id] = Order.Done;
        return "strong";
      case BtfKind.Typedef:
        if (this.#arrange(btf.target(id), throughPointer, depth + 1) === "weak" && throughPointer)
          return "weak";
        this.#queue.push(id);
        this.#order[id] = Order.Done;
        return "strong";
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.#arrange(btf.target(id), throughPointer, depth + 1);
      case BtfKind.FuncProto: {
        let strength = this.#arrange(btf.target(id), throughPointer, depth + 1);
        for (let index = 0, count = btf.vlen(id); index < count; index++)
          if (this.#arrange(btf.memberType(id, index), throughPointer, depth + 1) === "strong")
            strength = "strong";
        return strength;
      }
      default:
        this.#order[id] = Order.Done;
        return "weak";
    }
  }

  /** `container`: the struct or typedef whose definition refers to the type; 0 at the top. */
  #emitType(id: number, container: number, depth: number): void {
    if (this.#emit[id] === Emit.Done) return;
    this.#step(id, depth);
    if (this.#emit[id] === Emit.Running) return this.#emitForward(id, container);
    const btf = this.#btf;
    const writer = this.#writer;
    switch (btf.kind(id)) {
      case BtfKind.Int: {
        const name = writer.tag(id);
        const alias = missingAliases.get(name);
        if (alias !== undefined) writer.write(`typedef ${alias} ${name};\n\n`);
        this.#emit[id] = Emit.Done;
        return;
      }
      case BtfKind.Enum:
      case BtfKind.Enum64:
        if (container === 0) {
          writer.enumeration(id, 0);
          writer.write(";\n\n");
        }
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Ptr:
      case BtfKind.Volatile:
      case BtfKind.Const:
      case BtfKind.Restrict:
      case BtfKind.TypeTag:
        return this.#emitType(btf.target(id), container, depth + 1);
      case BtfKind.Array:
        return this.#emitType(btf.array(id).element, container, depth + 1);
      case BtfKind.Fwd:
        writer.forward(id);
        writer.write(";\n\n");
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Typedef:
        this.#emit[id] = Emit.Running;
        this.#emitType(btf.target(id), id, depth + 1);
        if (!this.#forwarded[id]) this.#emitTypedef(id);
        this.#emit[id] = Emit.Done;
        return;
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.#emitComposite(id, container, depth);
      case BtfKind.FuncProto:
        this.#emitType(btf.target(id), container, depth + 1);
        for (let index = 0, count = btf.vlen(id); index < count; index++)
          this.#emitType(btf.memberType(id, index), container, depth + 1);
        return;
      default:
        return;
    }
  }

  #emitComposite(id: number, container: number, depth: number): void {
    const btf = this.#btf;
    const writer = this.#writer;
    const anonymous = btf.nameOffset(id) === 0;
    this.#emit[id] = Emit.Running;
    if (container === 0 || anonymous) {
      const inner = anonymous ? container : id;
      const count = btf.vlen(id);
      for (let index = 0; index < count; index++) this.#emitType(btf.memberType(id, index), inner, depth + 1);
    } else if (!this.#forwarded[id] && id !== container) {
      this.#declare(id);
    }
    if (container === 0) {
      writer.composite(id, 0);
      writer.write(";\n\n");
      this.#emit[id] = Emit.Done;
    } else {
      this.#emit[id] = Emit.None;
    }
  }

  /** The type is needed while it is being defined: a declaration must do. */
  #emitForward(id: number, container: number): void {
    if (this.#forwarded[id]) return;
    const kind = this.#btf.kind(id);
    if (isComposite(kind)) {
      if (id !== container && this.#btf.nameOffset(id) !== 0) this.#declare(id);
    } else if (kind === BtfKind.Typedef) {
      this.#emitTypedef(id);
      this.#forwarded[id] = 1;
    }
  }

  #declare(id: number): void {
    this.#writer.compositeName(id);
    this.#writer.write(";\n\n");
    this.#forwarded[id] = 1;
  }

  #emitTypedef(id: number): void {
    // Every compiler has its own.
    if (this.#btf.name(id) === "__builtin_va_list") return;
    this.#writer.typedef(id);
    this.#writer.write(";\n\n");
  }

  #step(id: number, depth: number): void {
    if (depth > maxDepth || --this.#stepsLeft < 0)
      throw new BtfError("btf/loop", `The types around BTF type ${id} are nested without end`);
  }
}

/** Types that another type refers to. */
function findReferenced(btf: Btf): Uint8Array {
  const referenced = new Uint8Array(btf.typeCount);
  const mark = (id: number): void => {
    referenced[id] = 1;
  };
  for (let id = 1; id < btf.typeCount; id++) btf.eachReference(id, mark);
  return referenced;
}

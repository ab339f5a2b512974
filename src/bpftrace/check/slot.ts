import { commonInt, commonType, fits, literalType, sameType } from "../type-relations.ts";
import type { IntType, Type } from "../types.ts";

/** What is known so far of the type of a variable, a map's key or a map's value. */
export class TypeSlot {
  #type: Type | undefined;
  /** Given by a declaration: it no longer changes. */
  #fixed = false;
  #least: bigint | undefined;
  #most: bigint | undefined;

  get type(): Type | undefined {
    const literal = this.#literal;
    if (!this.#type || !literal) return this.#type ?? literal;
    if (this.#fixed) return this.#type;
    // Numbers beside enumerators or truth values make all of them numbers.
    if (this.#type.kind === "enum" || this.#type.kind === "bool") return literal;
    if (this.#type.kind !== "int") return this.#type;
    if (fits(this.#least!, this.#type) && fits(this.#most!, this.#type)) return this.#type;
    return commonInt(this.#type, literal);
  }

  get #literal(): IntType | undefined {
    if (this.#least === undefined || this.#most === undefined) return undefined;
    return literalType(this.#most);
  }

  fix(type: Type): void {
    this.#type = type;
    this.#fixed = true;
  }

  /** A literal takes any int type that it fits into. */
  addLiteral(value: bigint): boolean {
    if (this.#type && this.#type.kind !== "int")
      return this.#type.kind === "enum" || this.#type.kind === "pointer" || this.#type.kind === "bool";
    this.#least = this.#least === undefined || value < this.#least ? value : this.#least;
    this.#most = this.#most === undefined || value > this.#most ? value : this.#most;
    return true;
  }

  /** False when values of the type cannot be kept beside those that are known. */
  add(type: Type): boolean {
    if (this.#fixed) return commonType(this.#type!, type) !== undefined;
    if (!this.#type) {
      if (this.#literal && !["int", "enum", "bool", "pointer"].includes(type.kind)) return false;
      this.#type = type;
      return true;
    }
    const common = commonType(this.#type, type);
    if (common) this.#type = common;
    return common !== undefined;
  }

  same(type: Type | undefined): boolean {
    const own = this.type;
    return own === type || (own !== undefined && type !== undefined && sameType(own, type));
  }
}

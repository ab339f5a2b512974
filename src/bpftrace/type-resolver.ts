import type { TypeName } from "./ast.ts";
import { typeFromBtf } from "./btf-types.ts";
import type { Findings } from "./findings.ts";
import { didYouMean } from "./findings.ts";
import { cTypedefs, typeWords } from "./type-words.ts";
import {
  type AddressSpace,
  type EnumType,
  type RecordType,
  type ScriptEnum,
  type ScriptRecord,
  stringOf,
  type Type,
} from "./types.ts";
import type { BtfView } from "./world.ts";

/** What the script's own C declarations define. */
export interface Declared {
  readonly records: Map<string, ScriptRecord>;
  readonly enums: Map<string, ScriptEnum>;
  readonly typedefs: Map<string, Type>;
}

/** Names of types to types: the language's words, the script's declarations, then BTF. */
export class TypeResolver {
  readonly #btfs: readonly BtfView[];
  readonly #declared: Declared;
  #findings: Findings;

  constructor(btfs: readonly BtfView[], declared: Declared, findings: Findings) {
    this.#btfs = btfs;
    this.#declared = declared;
    this.#findings = findings;
  }

  /** With `typeof` already resolved to `base`. Reports a type that is not known. */
  resolve(name: TypeName, space: AddressSpace, base?: Type): Type | undefined {
    let type = base ?? this.#named(name, space);
    if (!type) {
      this.#unknown(name);
      return undefined;
    }
    let derived = name.derived;
    if (name.typeOf === undefined && name.tag === undefined) [type, derived] = sized(name, type);
    for (const step of derived)
      type =
        step === "*"
          ? { kind: "pointer", target: type, space }
          : { kind: "array", element: type, length: Math.max(step, 0), space };
    return type;
  }

  /** Where findings go from now on. */
  report(findings: Findings): void {
    this.#findings = findings;
  }

  /** A type by its bare name; nothing is said when there is none. */
  known(name: string, space: AddressSpace): Type | undefined {
    return this.#word(undefined, name, space);
  }

  record(name: string, space: AddressSpace, union = false): RecordType | undefined {
    const own = this.#declared.records.get(name);
    if (own) return { kind: "record", name, union: own.union, size: own.size, origin: own, space };
    const found = this.#find(union ? "union" : "struct", name, space);
    return found?.kind === "record" ? found : undefined;
  }

  enumerator(name: string): { readonly value: bigint; readonly type: EnumType } | undefined {
    for (const origin of this.#declared.enums.values()) {
      const found = origin.values.find((value) => value.name === name);
      if (found) return { value: found.value, type: scriptEnum(origin) };
    }
    for (const btf of this.#btfs) {
      const found = btf.enumerator(name);
      const type = found && typeFromBtf(btf, found.enumId, "kernel");
      if (found && type?.kind === "enum") return { value: found.value, type };
    }
    return undefined;
  }

  #named(name: TypeName, space: AddressSpace): Type | undefined {
    return this.#word(name.tag, name.name, space);
  }

  #word(tag: string | undefined, name: string, space: AddressSpace): Type | undefined {
    if (tag === "struct" || tag === "union") return this.record(name, space, tag === "union");
    if (tag === "enum") {
      const own = this.#declared.enums.get(name);
      return own ? scriptEnum(own) : this.#find("enum", name, space);
    }
    const word = typeWords.get(name);
    if (word === "string" || word === "buffer") return { kind: word, size: 0 };
    return (
      word ??
      this.#declared.typedefs.get(name) ??
      cTypedefs.get(name) ??
      this.#find("typedef", name, space) ??
      this.#find("int", name, space) ??
      // `(task_struct *)x`: a tag without its keyword.
      this.record(name, space) ??
      this.#find("union", name, space)
    );
  }

  #find(
    kind: "struct" | "union" | "enum" | "typedef" | "int",
    name: string,
    space: AddressSpace,
  ): Type | undefined {
    for (const btf of this.#btfs) {
      const id = btf.find(kind, name);
      if (id !== undefined) return typeFromBtf(btf, id, space);
    }
    return undefined;
  }

  #unknown(name: TypeName): void {
    const written = `${name.tag === undefined ? "" : `${name.tag} `}${name.name}`;
    const kind = name.tag ?? "struct";
    const [btf] = this.#btfs;
    const hints = btf
      ? didYouMean(name.name, [...this.#declared.records.keys(), ...btf.names(kind)])
      : [
          "There is no BTF here to take kernel types from: give one with --btf FILE, or declare the type in the script.",
        ];
    this.#findings.error("unknown-type", `Unknown type '${written}'`, name.span, ...hints);
  }
}

/** `string[64]`: the first length belongs to the word. */
function sized(name: TypeName, type: Type): [Type, TypeName["derived"]] {
  const [first, ...rest] = name.derived;
  if ((type.kind === "string" || type.kind === "buffer") && typeof first === "number")
    return [type.kind === "string" ? stringOf(first) : { kind: "buffer", size: first }, rest];
  if (type.kind === "inet" && typeof first === "number") return [type, rest];
  return [type, name.derived];
}

function scriptEnum(origin: ScriptEnum): EnumType {
  return {
    kind: "enum",
    name: origin.name,
    size: 4,
    signed: origin.values.some(({ value }) => value < 0n),
    origin,
  };
}

import type { Expression, TypeName } from "../ast.ts";
import type { LocalVariable } from "../typed.ts";
import type { TypeSlot } from "./slot.ts";

export interface ScopeVariable {
  readonly slot: TypeSlot;
  readonly local: LocalVariable;
  /** Number of loops over maps around the declaration. */
  readonly loopDepth: number;
}

/** What a macro's parameter stands for, seen from where the macro was called. */
export interface Binding {
  readonly expression: Expression | TypeName;
  readonly scope: Scope;
}

/** Names of one block. Macros begin a scope that sees only its parameters. */
export class Scope {
  readonly #parent: Scope | undefined;
  readonly #variables = new Map<string, ScopeVariable>();
  readonly #bindings: ReadonlyMap<string, Binding> | undefined;
  /** The macro calls around, as offsets: part of the identity of variables declared here. */
  readonly path: string;
  readonly macroDepth: number;

  private constructor(
    parent: Scope | undefined,
    bindings: ReadonlyMap<string, Binding> | undefined,
    path: string,
    macroDepth: number,
  ) {
    this.#parent = parent;
    this.#bindings = bindings;
    this.path = path;
    this.macroDepth = macroDepth;
  }

  static root(path: string): Scope {
    return new Scope(undefined, new Map(), path, 0);
  }
  inner(): Scope {
    return new Scope(this, undefined, this.path, this.macroDepth);
  }
  macro(bindings: ReadonlyMap<string, Binding>, caller: Scope, call: string): Scope {
    return new Scope(undefined, bindings, `${caller.path}/${call}`, caller.macroDepth + 1);
  }

  /** In this block or one around it; a macro's parameter `$x` is the caller's variable. */
  find(name: string): ScopeVariable | undefined {
    const binding = this.#bindings?.get(name);
    if (binding)
      return binding.expression.kind === "variable" ? binding.scope.find(binding.expression.name) : undefined;
    return this.#variables.get(name) ?? this.#parent?.find(name);
  }
  declare(name: string, variable: ScopeVariable): void {
    this.#variables.set(name, variable);
  }
  binding(name: string): Binding | undefined {
    return this.#bindings ? this.#bindings.get(name) : this.#parent?.binding(name);
  }
  get insideMacro(): boolean {
    return this.macroDepth > 0;
  }
}

import type { LoadedObject, LoadedProgram } from "../loader/index.ts";
import { attach } from "./attach.ts";
import type { AttachContext } from "./context.ts";
import { linkAll, type Link } from "./link.ts";
import { attachStructOps } from "./struct-ops.ts";
import { sectionHook, type HookChoice, type HookPlaces } from "./section-hook.ts";
import { UsdtSpecs } from "./usdt-specs.ts";

/** What became of each program of an object; disposal takes all hooks off. */
export interface AttachedObject extends Disposable {
  /** By program name, and struct_ops by that of their map. */
  readonly links: ReadonlyMap<string, Link>;
  /** Programs that their section alone hooks in nowhere, and what is missing. */
  readonly left: readonly {
    readonly program: LoadedProgram;
    readonly choice: Extract<HookChoice, { readonly open: string }>;
  }[];
}

/** Places for all programs, or for each its own. */
export type PlacesOf = HookPlaces | ((program: LoadedProgram) => HookPlaces);

/**
 * Hooks every loaded program in where its section says; without `places` the programs are those that libbpf
 * attaches by itself. All or nothing: when one fails the others are taken off.
 * @throws AttachError, SyscallError
 */
export function attachAll(
  context: AttachContext,
  object: LoadedObject,
  places: PlacesOf = {},
): AttachedObject {
  const usdt = context.usdt ?? UsdtSpecs.of(object);
  const full = usdt ? { ...context, usdt } : context;
  const links = new Map<string, Link>();
  const left: AttachedObject["left"][number][] = [];
  const group = linkAll([
    ...[...object.maps.values()]
      .filter(({ spec }) => spec.structOps)
      .map((map) => (): Link => {
        const link = attachStructOps(context.kernel, map);
        links.set(map.name, link);
        return link;
      }),
    ...[...object.programs.values()].flatMap((program) => {
      const choice = sectionHook(program.spec, typeof places === "function" ? places(program) : places);
      if ("open" in choice) {
        left.push({ program, choice });
        return [];
      }
      return [
        (): Link => {
          const link = attach(full, program, choice.hook);
          links.set(program.name, link);
          return link;
        },
      ];
    }),
  ]);
  return { links, left, [Symbol.dispose]: () => group[Symbol.dispose]() };
}

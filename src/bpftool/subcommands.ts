import { COMMANDS } from "./commands.ts";
import { isObject } from "./help.ts";

/** The words that may follow an object's name (`prog`: show, list, dump...), for completion; none for other words. */
export function subcommands(object: string): readonly string[] {
  const row = COMMANDS.find(({ name }) => name === object);
  return row && isObject(row) ? [...row.commands.map(({ name }) => name), "help"] : [];
}

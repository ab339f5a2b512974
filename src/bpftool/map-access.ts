import { SyscallError } from "../kernel/index.ts";
import { ERRNO, errnoMessage } from "../uapi/index.ts";
import { DONE } from "./command.ts";
import type { Answer, Command } from "./command.ts";
import { openOne } from "./handle.ts";
import { formatJson } from "./json.ts";
import { takeElement } from "./map-element.ts";
import { entryJson, entryText, hexJson, hexText, typedEntry } from "./map-entry.ts";
import { openedMap } from "./opened-map.ts";
import type { OpenedMap } from "./opened-map.ts";
import { ToolError } from "./tool-error.ts";

/** bpftool's code for a key that is not there. */
const NOT_FOUND = -ERRNO.ENOENT & 255;

/** map lookup MAP [key DATA]; of queues and stacks, `peek`. */
export const lookupMap: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "lookup");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  const opened = openedMap(kernel, object.fd);
  using element = takeElement(opened, args, { value: false, flags: false, inform });
  const { key } = element;
  const value = calling("lookup failed", () => opened.map.lookup(key));
  if (value) return foundAnswer(opened, key, value);
  return {
    text: () => `key:\n${hexText(key)}\n\nNot found\n`,
    json: () => null,
    exitCode: NOT_FOUND,
  };
};

/** map update MAP [key DATA] [value VALUE] [any | exist | noexist]; of queues and stacks, `push`. */
export const updateMap: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "update");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  const opened = openedMap(kernel, object.fd);
  using element = takeElement(opened, args, { value: true, flags: true, inform });
  calling("update failed", () => opened.map.update(element.key, element.value, element.flags));
  return DONE;
};

/** map delete MAP key DATA. */
export const deleteFromMap: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "delete");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  const opened = openedMap(kernel, object.fd);
  using element = takeElement(opened, args, { value: false, flags: false, inform });
  if (!calling("delete failed", () => opened.map.delete(element.key)))
    throw new ToolError(`delete failed: ${errnoMessage(ERRNO.ENOENT)}`, NOT_FOUND);
  return DONE;
};

/** map getnext MAP [key DATA]. */
export const nextKey: Command = async ({ args, kernel: open, inform }) => {
  args.require(2, "getnext");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  const opened = openedMap(kernel, object.fd);
  const given = args.left > 0;
  using element = given ? takeElement(opened, args, { value: false, flags: false, inform }) : undefined;
  const key = element?.key;
  const next_key = new Uint8Array(opened.info.keySize);
  const found = calling("can't get next key", () =>
    kernel.bpf("MAP_GET_NEXT_KEY", { map_fd: object.fd, key, next_key }),
  );
  if (!found) throw new ToolError(`can't get next key: ${errnoMessage(ERRNO.ENOENT)}`, NOT_FOUND);
  return {
    text: () => `key:${key ? `\n${hexText(key)}` : " None"}\nnext key:\n${hexText(next_key)}\n`,
    json: () => ({ key: key ? hexJson(key) : null, next_key: hexJson(next_key) }),
  };
};

/** map pop MAP: takes an element off a queue or a stack. */
export const popFromMap: Command = async ({ args, kernel: open }) => {
  args.require(2, "pop");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  args.end();
  const opened = openedMap(kernel, object.fd);
  const value = new Uint8Array(opened.info.valueSize);
  const found = calling("pop failed", () =>
    kernel.bpf("MAP_LOOKUP_AND_DELETE_ELEM", { map_fd: object.fd, value }),
  );
  if (found) return foundAnswer(opened, new Uint8Array(0), value);
  return { text: () => "Error: empty map\n", json: () => null, exitCode: NOT_FOUND };
};

/** map freeze MAP: no process may change its elements any more. */
export const freezeMap: Command = async ({ args, kernel: open }) => {
  args.require(2, "freeze");
  const kernel = await open();
  using object = openOne(kernel, "map", args);
  args.end();
  calling("failed to freeze map", () => kernel.bpf("MAP_FREEZE", { map_fd: object.fd }));
  return DONE;
};

function foundAnswer(opened: OpenedMap, key: Uint8Array, value: Uint8Array): Answer {
  return {
    text: () =>
      opened.btf
        ? `${formatJson(typedEntry(opened, key, value, true), true)}\n`
        : entryText(opened, { key, value }),
    json: () => entryJson(opened, { key, value }),
  };
}

/** A refusal of the kernel, with bpftool's exit code: the errno, negated. */
function calling<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error;
    throw new ToolError(`${what}: ${errnoMessage(error.errno)}`, -error.errno & 255, error.hints);
  }
}

import {
  eachObject,
  linkInfo,
  objectHolders,
  pinnedPaths,
  programInfo,
  withObject,
} from "../inspect/index.ts";
import type { Holder, LinkInfo, PinnedPaths } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { networkLinks } from "../netlink/index.ts";
import { lazy } from "../util/index.ts";
import type { Command } from "./command.ts";
import { openAll } from "./handle.ts";
import { FunctionNames } from "./function-names.ts";
import type { LinkSurroundings, ShownLink } from "./link-detail.ts";
import { linkJson } from "./link-json.ts";
import { linkText } from "./link-text.ts";

/** link show [LINK]. */
export const showLinks: Command = async ({ args, kernel: open, options }) => {
  const kernel = await open();
  const all = args.left === 0;
  using named = all ? undefined : openAll(kernel, "link", args);
  args.end();
  const holders = objectHolders(kernel.files, "link");
  const links = (
    named ? named.fds.map((fd) => linkInfo(kernel, fd)) : [...eachObject(kernel, "link", linkInfo)]
  ).map((info) => shownLink(kernel, info, holders.get(info.id)));
  const surroundings = linkSurroundings(kernel, options.pins ? pinnedPaths(kernel, "link") : undefined);
  return {
    text: () => links.map((link) => linkText(surroundings, link)).join(""),
    json: () =>
      !all && links.length === 1
        ? linkJson(surroundings, links[0]!)
        : links.map((link) => linkJson(surroundings, link)),
  };
};

export function shownLink(kernel: Kernel, info: LinkInfo, holders: readonly Holder[] | undefined): ShownLink {
  const programType = info.detail.kind === "tracing" ? programTypeOf(kernel, info.programId) : undefined;
  return { info, programType, holders };
}

/** What is read only if a link asks for it. */
export function linkSurroundings(kernel: Kernel, pins: PinnedPaths | undefined): LinkSurroundings {
  const interfaces = lazy(() => new Map(networkLinks(kernel).map(({ index, name }) => [index, name])));
  return {
    interfaceName: (index) => interfaces().get(index),
    functions: lazy(() => FunctionNames.read(kernel)),
    pins,
  };
}

function programTypeOf(kernel: Kernel, id: number): number | undefined {
  try {
    return withObject(kernel, "prog", id, (fd) => programInfo(kernel, fd).type);
  } catch (error) {
    if (error instanceof SyscallError) return undefined;
    throw error;
  }
}

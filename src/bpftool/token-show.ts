import type { Command } from "./command.ts";

interface TokenMount {
  readonly directory: string;
  readonly allowed: readonly (readonly [title: string, items: readonly string[]])[];
}

/** The titles, and the mount options that they are for. */
const SETS = [
  ["allowed_cmds", "delegate_cmds"],
  ["allowed_maps", "delegate_maps"],
  ["allowed_progs", "delegate_progs"],
  ["allowed_attachs", "delegate_attachs"],
] as const;

const ITEMS_A_LINE = 4;

/** token show: BPF file systems that hand out rights, and which. */
export const showTokens: Command = async ({ args, kernel: open }) => {
  args.end();
  const { files } = await open();
  const mounts = tokenMounts(Buffer.from(files.read("/proc/mounts") ?? []).toString());
  return {
    text: () => mounts.map(mountText).join(""),
    json: () =>
      mounts.map(({ directory, allowed }) => ({ token_info: directory, ...Object.fromEntries(allowed) })),
  };
};

export function tokenMounts(mounts: string): TokenMount[] {
  return mounts.split("\n").flatMap((line) => {
    const [, directory = "", type = "", options = ""] = line.split(" ");
    if (!type.startsWith("bpf") || !options.includes("delegate_")) return [];
    const values = new Map(options.split(",").map((option) => splitOnce(option, "=")));
    const allowed = SETS.map(
      ([title, key]) => [title, (values.get(key) ?? "").split(":").filter((item) => item !== "")] as const,
    );
    return [{ directory: unescape(directory), allowed }];
  });
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

/** Spaces and their kin are octal in /proc/mounts. */
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function mountText({ directory, allowed }: TokenMount): string {
  const sets = allowed.map(([title, items]) => {
    const cells = items.map(
      (item, index) => `${index % ITEMS_A_LINE === 0 ? "\n\t  " : ""}${item.padEnd(20)}`,
    );
    return `\n\t${title}:${cells.join("")}`;
  });
  return `token_info  ${directory}${sets.join("")}\n`;
}

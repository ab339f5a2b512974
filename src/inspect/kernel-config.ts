import type { Kernel } from "../kernel/index.ts";

/** Where a kernel's build options lie. */
function configPaths(release: string): readonly string[] {
  return [`/boot/config-${release}`, "/proc/config.gz"];
}

/** The running kernel's build options by name (`CONFIG_BPF` to `y`); undefined where no file tells them. */
export function kernelConfig({
  files,
  release,
}: Pick<Kernel, "files" | "release">): Map<string, string> | undefined {
  for (const path of configPaths(release.text)) {
    const bytes = files.read(path);
    if (!bytes) continue;
    const gzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const text = Buffer.from(gzip ? process.getBuiltinModule("node:zlib").gunzipSync(bytes) : bytes);
    const options = Array.from(
      text.toString("latin1").matchAll(/^(CONFIG_\w+)=(.*)$/gm),
      ([, name = "", value = ""]) => [name, value] as const,
    );
    if (options.length > 0) return new Map(options);
  }
  return undefined;
}

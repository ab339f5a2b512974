import { BpfkitError } from "../errors.ts";
import type { Kernel } from "../kernel/index.ts";
import type { KconfigVariable } from "../object/index.ts";
import { kernelVersionCode } from "./kernel-version.ts";

/** Bytes of map `.kconfig` for this kernel: build options and facts that programs read as variables. */
export function kconfigContents(
  kernel: Kernel,
  variables: readonly KconfigVariable[],
  size: number,
): Uint8Array {
  const contents = new Uint8Array(size);
  const options = variables.some(({ name }) => name.startsWith("CONFIG_"))
    ? kernelConfig(kernel)
    : new Map<string, string>();
  for (const variable of variables) {
    const value = factOf(kernel, variable.name) ?? options.get(variable.name);
    if (value !== undefined) write(contents, variable, value);
    else if (variable.weak !== true)
      throw new BpfkitError(`The kernel's configuration does not say ${variable.name}`, {
        code: "loader/no-kconfig",
        hints: [
          "Looked in /proc/config.gz and /boot/config-*: declare the variable __weak if it may be missing",
        ],
      });
  }
  return contents;
}

/** What libbpf gives beside options, by its names. */
function factOf(kernel: Kernel, name: string): string | undefined {
  const { release } = kernel;
  if (name === "LINUX_KERNEL_VERSION") return String(kernelVersionCode(kernel));
  // Cookies came with perf links (5.15); x86-64 and arm64 wrap system calls since 4.17 and 4.19.
  if (name === "LINUX_HAS_BPF_COOKIE") return atLeast(release, 5, 15) ? "y" : "n";
  if (name === "LINUX_HAS_SYSCALL_WRAPPER") return atLeast(release, 4, 19) ? "y" : "n";
  return undefined;
}

function atLeast(release: Kernel["release"], major: number, minor: number): boolean {
  return release.major > major || (release.major === major && release.minor >= minor);
}

/** The kernel's build options that are set; empty where they are not to be had. */
export function kernelConfig({ files, release }: Kernel): ReadonlyMap<string, string> {
  const packed = files.read("/proc/config.gz");
  // Not imported: node:zlib brings streams along, 3 ms of every start for what few programs ask.
  const bytes = packed
    ? process.getBuiltinModule("node:zlib").gunzipSync(packed)
    : files.read(`/boot/config-${release.text}`);
  const text = Buffer.from(bytes ?? []).toString("latin1");
  return new Map(
    Array.from(text.matchAll(/^(CONFIG_\w+)=(.*)$/gm), ([, name = "", value = ""]) => [name, value]),
  );
}

function write(contents: Uint8Array, { offset, size, type, name }: KconfigVariable, text: string): void {
  const room = contents.subarray(offset, offset + size);
  if (type === "string") {
    room.set(Buffer.from(text.replace(/^"|"$/g, "")).subarray(0, Math.max(0, size - 1)));
    return;
  }
  if (type === "char") {
    room.set(Buffer.from(text).subarray(0, 1));
    return;
  }
  // enum libbpf_tristate: no, yes, module.
  const states: Readonly<Record<string, string>> = { y: "1", n: "0", m: type === "bool" ? "0" : "2" };
  const number = states[text] ?? text;
  if (!/^-?(0x[0-9a-f]+|\d+)$/i.test(number))
    throw new BpfkitError(`The kernel's ${name} is ${text}, which the program's variable cannot hold`, {
      code: "loader/bad-kconfig",
    });
  const value = number.startsWith("-") ? -BigInt(number.slice(1)) : BigInt(number);
  for (let index = 0, rest = BigInt.asUintN(size * 8, value); index < size; index++, rest >>= 8n)
    room[index] = Number(rest & 0xffn);
}

import { runProgram } from "../../src/attach/index.ts";
import { compileScript, PORTABLE, type World } from "../../src/bpftrace/index.ts";
import type { CompileTarget } from "../../src/bpftrace/index.ts";
import type { Kernel } from "../../src/kernel/index.ts";
import { Features, loadObject, memoryStore } from "../../src/loader/index.ts";
import { openKernel } from "../../src/open-kernel.ts";
import { kernelTarget } from "../../src/script/index.ts";

export const nowhere: World = {
  tracepoints: () => undefined,
  tracepointFormat: () => undefined,
  kernelFunctions: () => undefined,
  userSymbols: () => undefined,
  findExecutable: () => undefined,
  cgroupId: () => undefined,
  kernelAddress: () => undefined,
  arch: "x64",
};

/** A kernel that runs programs; undefined, and the reason on the console, where there is none. */
export async function tryKernel(): Promise<Kernel | undefined> {
  try {
    const opened = await openKernel();
    runScript(opened, "BEGIN { @r[0] = 1; }");
    return opened;
  } catch (error) {
    console.log(`skipped: programs cannot be run in this kernel (${String(error)})`);
    return undefined;
  }
}

/** Runs a script's BEGIN probes; yields `@r`, whose keys and values are integers. */
export function runScript(port: Kernel, text: string, target: CompileTarget = PORTABLE): Map<bigint, bigint> {
  const options = { positional: [], unsafe: false, target };
  const { object, diagnostics } = compileScript({ name: "test.bt", text }, nowhere, options);
  if (object === undefined)
    throw new Error(`${diagnostics.map(({ message }) => message).join("; ")}: ${text}`);
  using loaded = loadObject(object, { kernel: port });
  for (const program of loaded.programs.values()) runProgram(port, program);
  const answers = new Map<bigint, bigint>();
  for (const { key, value } of loaded.maps.get("r")!.entries()) answers.set(readInt(key), readInt(value));
  return answers;
}

function readInt(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (bytes.byteLength) {
    case 1:
      return BigInt(view.getInt8(0));
    case 2:
      return BigInt(view.getInt16(0, true));
    case 4:
      return BigInt(view.getInt32(0, true));
    default:
      return view.getBigInt64(0, true);
  }
}

/** Code for the kernel at hand, with all that it can do. */
export function nativeTarget(port: Kernel): CompileTarget {
  return kernelTarget(port, new Features(port, memoryStore()));
}

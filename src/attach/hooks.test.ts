import { expect, test } from "vitest";
import { ProgramLoadError } from "../loader/index.ts";
import { SyscallError, type Kernel } from "../kernel/index.ts";
import type { AttachTarget } from "../object/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { attach, explainRefusal, type AttachContext } from "./index.ts";

const PMU = "/sys/bus/event_source/devices";
const KPROBE = { [`${PMU}/kprobe/type`]: "8\n", [`${PMU}/kprobe/format/retprobe`]: "config:0\n" };

/** A kernel of which only files are known. */
function context(
  files: Readonly<Record<string, string>>,
  trampolines = false,
  name = "linux 6.1",
): AttachContext {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else is asked for
  const kernel = {
    name,
    release: { text: "6.1" },
    files: { read: (path: string) => (files[path] === undefined ? undefined : Buffer.from(files[path])) },
  } as unknown as Kernel;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const features = { has: () => trampolines } as unknown as AttachContext["features"];
  return { kernel, features };
}

const kprobe = { kind: "kprobe", function: "f", offset: 0, return: true } as const;
const fentry = { kind: "fentry", function: "f", return: false } as const;
const refusal = new ProgramLoadError("f", new SyscallError("bpf(PROG_LOAD)", ERRNO.EPERM));

function attachError(at: AttachContext, target: Parameters<typeof attach>[2]): unknown {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return attach(at, { fd: 3, spec: {} } as unknown as Parameters<typeof attach>[1], target);
  } catch (error) {
    return error;
  }
}

test("a kernel without kprobes: the option that it lacks, and what there is instead", () => {
  const config = { "/boot/config-6.1": "CONFIG_KPROBES=y\n# CONFIG_KPROBE_EVENTS is not set\n" };
  expect(attachError(context(config), kprobe)).toMatchObject({
    message: "Cannot attach to kretprobe:f: this kernel has no kprobes",
    code: "attach/unsupported",
    hints: ["It was built without CONFIG_KPROBE_EVENTS", expect.stringContaining("tracepoint")],
  });
  expect(attachError(context({}, true), kprobe)).toMatchObject({
    hints: [
      "They come with CONFIG_KPROBES and CONFIG_KPROBE_EVENTS in the kernel's configuration",
      expect.stringContaining("fexit:f"),
    ],
  });
});

test("the embedded kernel is not explained by the host's configuration", () => {
  const config = { "/boot/config-6.1": "# CONFIG_KPROBES is not set\n" };
  expect(attachError(context(config, false, "embedded"), kprobe)).toMatchObject({
    hints: [expect.stringContaining("run as root"), expect.anything()],
  });
});

test("a kernel without uprobes", () => {
  const target: AttachTarget = { kind: "uprobe", path: "/bin/a", symbol: "f", offset: 0, return: false };
  expect(attachError(context({}), target)).toMatchObject({
    message: "Cannot attach to uprobe:/bin/a:f: this kernel has no uprobes",
  });
});

test("a program refused at load is explained by its hook, where that is the cause", () => {
  expect(explainRefusal(context(KPROBE), fentry, refusal)).toMatchObject({
    message: "Cannot attach to fentry:f: this kernel has no BPF trampolines (fentry, fexit)",
    hints: [expect.stringContaining("CONFIG_FUNCTION_TRACER"), expect.stringContaining("Use kprobe:f")],
    cause: refusal,
  });
  const config = [
    "CONFIG_BPF_JIT=y",
    "CONFIG_DEBUG_INFO_BTF=y",
    "CONFIG_FUNCTION_TRACER=y",
    "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y",
  ].join("\n");
  expect(explainRefusal(context({ "/boot/config-6.1": config }), fentry, refusal)).toMatchObject({
    hints: [expect.stringContaining("refuses them all the same"), expect.stringContaining("tracepoint")],
  });
  expect(explainRefusal(context({}, true), fentry, refusal)).toBe(refusal);
  expect(explainRefusal(context({}), kprobe, refusal)).toBe(refusal);
});

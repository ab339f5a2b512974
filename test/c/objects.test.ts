import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { CError, compileC } from "../../src/c/index.ts";
import { type Kernel, SyscallError } from "../../src/kernel/index.ts";
import { BPF_ATTACH_TYPE, ERRNO } from "../../src/uapi/index.ts";
import { KernelTypes, loadObject, type LoadedObject, VerifierError } from "../../src/loader/index.ts";
import { fromElf, type ObjectSpec } from "../../src/object/index.ts";
import { mapInfo, programInfo } from "../../src/inspect/index.ts";
import { onEmbedded, openTestKernel } from "../conformance/test-kernel.ts";

const kernel = await openTestKernel();
const spec = kernel && compileTestObject(kernel);
const skip = !spec;

afterAll(() => kernel?.[Symbol.dispose]());

function compileTestObject({ files }: Kernel): ObjectSpec | undefined {
  if (!files.hasBtf()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "bpfkit-objects-"));
  const object = join(folder, "objects.bpf.o");
  try {
    const source = fileURLToPath(new URL("objects.bpf.c", import.meta.url));
    compileC(source, object, {
      btf: files.btf(),
      arch: process.arch,
      args: ["-Wall", "-Wno-unused-function"],
    });
    return fromElf(readFileSync(object)).spec;
  } catch (error) {
    if (!(error instanceof CError) || error.code === "c/compile") throw error;
    console.log(`Skipped: ${error.message}`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The result of a program's run, on an empty packet where it wants one. */
function run(object: LoadedObject, name: string): number {
  const { fd, spec: program } = object.programs.get(name)!;
  const data_in = new Uint8Array(64);
  return (
    kernel!.bpf("PROG_TEST_RUN", { prog_fd: fd, ...(program.section === "tc" && { data_in }) }).retval | 0
  );
}

const u32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
const openFiles = (): number => readdirSync("/proc/self/fd").length;

test.skipIf(skip)("maps are as defined, with what they hold from the start", () => {
  using object = loadObject(spec!, { kernel: kernel! });
  expect(run(object, "nested")).toBe(0);
  object.maps.get("second")!.update(u32(0), u32(99));
  expect(run(object, "nested")).toBe(99);
  expect(run(object, "caller")).toBe(77);
  expect(object.maps.get("ring")!.spec.maxEntries).toBe(8192);
  expect(object.maps.get("sized")!.spec).toMatchObject({ keySize: 4, valueSize: 12 });
  expect(object.maps.get("old")!.spec).toMatchObject({ type: 2, keySize: 4, valueSize: 8, maxEntries: 3 });
});

test.skipIf(skip)("global variables keep what programs write", () => {
  using object = loadObject(spec!, { kernel: kernel! });
  expect(run(object, "globals")).toBe(47 + 20 + 2);
  expect(run(object, "globals")).toBe(54 + 40 + 3);
  const custom = object.maps.get(".data.custom")!.lookup(u32(0))!;
  expect(new DataView(custom.buffer).getInt32(0, true)).toBe(20);
  expect(() => object.maps.get(".rodata")!.update(u32(0), new Uint8Array(4))).toThrow(/EPERM/);
});

test.skipIf(skip)("the kernel's options, variables and functions are found, or known to be missing", () => {
  using object = loadObject(spec!, { kernel: kernel! });
  expect(run(object, "symbols")).toBe(0);
  expect(run(object, "loops")).toBe(10);
  expect(run(object, "flavours")).toBe(1);
});

test.skipIf(skip)("struct_ops know their member, and wait to be registered", () => {
  using object = loadObject(spec!, { kernel: kernel! });
  const { spec: dummy } = object.maps.get("dummy")!;
  const descriptors = new BigUint64Array(dummy.contents!.slice().buffer);
  expect(descriptors).toContain(BigInt(Number(object.programs.get("test_1")!.fd)));
});

/** The same object with other programs loaded than its sections say. */
function only(...names: string[]): ObjectSpec {
  const programs = spec!.programs.map((program) => ({ ...program, autoload: names.includes(program.name) }));
  return {
    ...spec!,
    maps: spec!.maps.map((map) => ({ ...map, slots: [], autocreate: !map.structOps })),
    programs,
  };
}

test.skipIf(skip)("what the kernel's types do not have is named, not numbered", () => {
  const error = caught(() => loadObject(only("unmet"), { kernel: kernel! }));
  expect(error).toBeInstanceOf(VerifierError);
  expect(error).toMatchObject({
    reason: "this kernel has no field struct task_struct.state_before",
    hints: [expect.stringContaining("bpf_core_field_exists")],
  });
});

// The embedded kernel has no bpf_throw.
test.skipIf(skip || onEmbedded)("an exception ends in the callback that the program names", () => {
  using object = loadObject(only("throws"), { kernel: kernel! });
  expect(run(object, "throws")).toBe(41);
});

test.skipIf(skip)("a variable of the kernel must be of the type that it is declared as", () => {
  const error = caught(() => loadObject(only("wrong_symbol"), { kernel: kernel! }));
  expect(error).toMatchObject({
    code: "loader/ksym-type",
    hints: [expect.stringContaining("The object says int int, the kernel struct rq"), expect.anything()],
  });
});

test.skipIf(skip)("constants that no instruction reads stay with the program", () => {
  using object = loadObject(only("caller"), { kernel: kernel! });
  const metadata = mapInfo(kernel!, object.maps.get(".rodata.meta")!.fd);
  expect(programInfo(kernel!, object.programs.get("caller")!.fd).mapIds).toContain(metadata.id);
});

// The embedded kernel has no LSM.
test.skipIf(skip || onEmbedded)("LSM hooks have one name in BTF, whoever they are for", () => {
  using types = new KernelTypes(kernel!);
  const { LSM_MAC, LSM_CGROUP } = BPF_ATTACH_TYPE;
  const { id } = types.attachTarget("socket_bind", LSM_CGROUP, "bound");
  expect(types.attachTarget("socket_bind", LSM_MAC, "bound").id).toBe(id);
  expect(types.vmlinux().name(id)).toBe("bpf_lsm_socket_bind");
  expect(caught(() => types.attachTarget("socket_bound", LSM_CGROUP, "bound"))).toMatchObject({
    program: "bound",
    message: "The kernel's BTF has no LSM hook socket_bound, which bound attaches to",
  });
});

test.skipIf(skip)("a replacement needs the program whose function it replaces", () => {
  const error = caught(() => loadObject(only("replacement"), { kernel: kernel! }));
  expect(error).toMatchObject({ code: "loader/no-target" });
});

test.skipIf(skip)("a failed load leaves nothing open, and a good one nothing behind", () => {
  const before = openFiles();
  expect(() => loadObject(only("unmet"), { kernel: kernel! })).toThrow();
  const broken = { ...spec!, maps: [...spec!.maps, { ...spec!.maps[0]!, name: "broken", maxEntries: 0 }] };
  expect(() => loadObject(broken, { kernel: kernel! })).toThrow(/MAP_CREATE.* of map broken/);
  loadObject(spec!, { kernel: kernel! })[Symbol.dispose]();
  expect(openFiles()).toBe(before);
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test.skipIf(skip)("a token is given with everything that is made", () => {
  const made: Record<string, Record<string, unknown>> = {};
  const recording: Kernel = new Proxy(kernel!, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (name !== "bpf") return member.bind(target);
      return (command: string, attr: Record<string, unknown>) => {
        made[command] = attr;
        // This kernel gave no token: what says so is what would have been sent.
        const plain = Object.fromEntries(
          Object.entries(attr)
            .filter(([field]) => !field.endsWith("token_fd") && field !== "btf_flags")
            .map(([field, value]) => [
              field,
              /^(map|prog)_flags$/.test(field) ? Number(value) & ~0x1_0000 : value,
            ]),
        );
        return Reflect.apply(member, target, [command, plain]);
      };
    },
  });
  const token = kernel!.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
  loadObject(only("loops"), { kernel: recording, token })[Symbol.dispose]();
  expect(made["BTF_LOAD"]).toMatchObject({ btf_token_fd: token, btf_flags: 0x1_0000 });
  expect(made["MAP_CREATE"]).toMatchObject({ map_token_fd: token });
  expect(Number(made["MAP_CREATE"]!["map_flags"]) & 0x1_0000).toBe(0x1_0000);
  expect(made["PROG_LOAD"]).toMatchObject({ prog_token_fd: token });
  expect(Number(made["PROG_LOAD"]!["prog_flags"]) & 0x1_0000).toBe(0x1_0000);
  kernel!.close(token);
});

test.skipIf(skip)("where a process may not load, it loads with the token of a bpf file system", () => {
  const asked: string[] = [];
  const sealed: Kernel = new Proxy(kernel!, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (name !== "bpf") return member.bind(target);
      return (command: string, attr: Record<string, unknown>) => {
        asked.push(command);
        // No kernel is at hand whose file system lends one: a map stands for it.
        if (command === "TOKEN_CREATE")
          return kernel!.bpf("MAP_CREATE", { map_type: 2, key_size: 4, value_size: 4, max_entries: 1 });
        if (command === "PROG_LOAD" && attr["prog_token_fd"] === undefined)
          throw new SyscallError("bpf(PROG_LOAD)", ERRNO.EPERM);
        throw new SyscallError(`bpf(${command})`, ERRNO.EINVAL);
      };
    },
  });
  const before = openFiles();
  const programs = spec!.programs.filter(({ name }) => name === "loops");
  const { btf: _, ...bare } = { ...spec!, maps: [], programs };
  const error = caught(() => loadObject(bare, { kernel: sealed, tokenFrom: "/" }));
  expect(asked).toEqual(["PROG_LOAD", "TOKEN_CREATE", "PROG_LOAD", "PROG_LOAD"]);
  expect(error).toMatchObject({ errno: ERRNO.EINVAL });
  expect(caught(() => loadObject(bare, { kernel: sealed, tokenFrom: "/nowhere" }))).toMatchObject({
    errno: ERRNO.EPERM,
  });
  expect(openFiles()).toBe(before);
});

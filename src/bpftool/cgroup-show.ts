import { readdirSync } from "node:fs";
import { join } from "node:path";
import { parseBtf } from "../btf/index.ts";
import { btfInfo, cgroupPrograms, programInfo, withObject } from "../inspect/index.ts";
import type { CgroupProgram } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_FLAG, ERRNO, errnoMessage } from "../uapi/index.ts";
import { lazy } from "../util/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { fileReason } from "./file-reason.ts";
import { fullProgramName } from "./handle.ts";
import type { Json } from "./json.ts";
import { attachTypeName } from "./names.ts";
import { ToolError } from "./tool-error.ts";

interface ShownProgram extends CgroupProgram {
  readonly name: string;
  /** What an lsm_cgroup program is attached to: an id in a BTF object; 0: nothing. */
  readonly attachBtfObject: number;
  readonly attachBtfId: number;
  /** The name that the kernel's own types have for it. */
  readonly attachName: string | undefined;
}

/** cgroup show CGROUP [effective]. */
export const showCgroup: Command = async ({ args, kernel: open }) => {
  const path = args.take("CGROUP");
  const effective = takeEffective(args);
  args.end();
  const kernel = await open();
  const programs = query(kernel, path, effective, new TargetNames(kernel));
  return {
    text: () =>
      programs.length === 0
        ? ""
        : header(effective) + programs.map((row) => rowText(row, effective, "")).join(""),
    json: () => programs.map((row) => rowJson(row, effective)),
  };
};

/** cgroup tree [ROOT] [effective]. */
export const showCgroupTree: Command = async ({ args, kernel: open }) => {
  const next = args.peek();
  const root = next === undefined || "effective".startsWith(next) ? undefined : args.take("CGROUP_ROOT");
  const effective = takeEffective(args);
  args.end();
  const kernel = await open();
  const top = root ?? mountedRoot(kernel);
  const names = new TargetNames(kernel);
  const groups = [...directoriesOf(top)].flatMap((cgroup) => {
    const programs = query(kernel, cgroup, effective, names);
    return programs.length === 0 ? [] : [{ cgroup, programs }];
  });
  return {
    text: () =>
      `CgroupPath\n${header(effective)}${groups
        .map(
          ({ cgroup, programs }) =>
            `${cgroup}\n${programs.map((row) => rowText(row, effective, cgroup === top ? "" : "    ")).join("")}`,
        )
        .join("")}`,
    json: () =>
      groups.map(({ cgroup, programs }) => ({
        cgroup,
        programs: programs.map((row) => rowJson(row, effective)),
      })),
  };
};

function takeEffective(args: Arguments): boolean {
  return args.accept("effective");
}

function query(kernel: Kernel, path: string, effective: boolean, names: TargetNames): ShownProgram[] {
  try {
    return cgroupPrograms(kernel, path, effective).flatMap((program) => shown(kernel, program, names) ?? []);
  } catch (error) {
    if (error instanceof SyscallError)
      throw new ToolError(
        `can't query bpf programs attached to ${path}: ${errnoMessage(error.errno)}`,
        255,
        error.hints.length > 0
          ? error.hints
          : ["Programs are attached to cgroup version 2: mount -t cgroup2 none DIR"],
      );
    if (error instanceof Error && "code" in error)
      throw new ToolError(`can't open cgroup ${path}: ${fileReason(error)}`);
    throw error;
  }
}

/** Undefined for a program that went away since it was found. */
function shown(kernel: Kernel, program: CgroupProgram, names: TargetNames): ShownProgram | undefined {
  try {
    return withObject(kernel, "prog", program.id, (fd) => {
      const { attachBtfId, attachBtfObject } = programInfo(kernel, fd);
      return {
        ...program,
        name: fullProgramName(kernel, fd),
        attachBtfObject,
        attachBtfId,
        attachName: names.of(attachBtfObject, attachBtfId),
      };
    });
  } catch (error) {
    if (error instanceof SyscallError && error.errno === ERRNO.ENOENT) return undefined;
    throw error;
  }
}

/**
 * Names of what programs are attached to, as bpftool says them: until it has met a program with a target it takes
 * those without one for attached to the kernel's type 0, which has an empty name.
 */
class TargetNames {
  readonly #kernel: Kernel;
  #object = 0;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  of(object: number, id: number): string | undefined {
    const { files } = this.#kernel;
    if (!files.hasBtf()) return undefined;
    if (this.#object === 0 && object !== 0 && this.#isKernel(object)) this.#object = object;
    if (object !== this.#object) return undefined;
    return id === 0 ? "" : this.#types().name(id);
  }

  readonly #types = lazy(() => parseBtf(this.#kernel.files.btf()));

  #isKernel(object: number): boolean {
    const { name, kernel } = withObject(this.#kernel, "btf", object, (fd) => btfInfo(this.#kernel, fd));
    return kernel && name === "vmlinux";
  }
}

function mountedRoot(kernel: Kernel): string {
  const mounts = Buffer.from(kernel.files.read("/proc/self/mounts") ?? []).toString();
  const root = /^\S+ (\S+) cgroup2 /m.exec(mounts)?.[1];
  if (root === undefined) throw new ToolError("cgroup v2 isn't mounted", 255, ["mount -t cgroup2 none DIR"]);
  return root;
}

/** A directory and all below it; those that go away meanwhile are left out. */
function* directoriesOf(root: string): Generator<string> {
  yield root;
  for (const name of directoriesIn(root)) yield* directoriesOf(join(root, name));
}

function directoriesIn(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    // Asking the kernel about its programs tells why.
    return [];
  }
}

function header(effective: boolean): string {
  const flags = effective ? "" : column("AttachFlags");
  return `${"ID".padEnd(8)} ${column("AttachType")}${flags}${"Name".padEnd(15)}\n`;
}

function rowText(row: ShownProgram, effective: boolean, indent: string): string {
  const type = attachTypeName(row.attachType) ?? `type ${row.attachType}`;
  const flags = effective ? "" : column(flagText(row.flags));
  const target =
    row.attachName !== undefined
      ? ` ${row.attachName.padEnd(15)}`
      : row.attachBtfId === 0
        ? ""
        : ` attach_btf_obj_id=${row.attachBtfObject} attach_btf_id=${row.attachBtfId}`;
  return `${indent}${String(row.id).padEnd(8)} ${column(type)}${flags}${row.name.padEnd(15)}${target}\n`;
}

function rowJson(row: ShownProgram, effective: boolean): Json {
  return {
    id: row.id,
    attach_type: attachTypeName(row.attachType) ?? row.attachType,
    attach_flags: effective ? undefined : flagText(row.flags),
    name: row.name,
    attach_btf_name: row.attachName,
    attach_btf_obj_id: row.attachBtfObject,
    attach_btf_id: row.attachBtfId,
  };
}

function column(text: string): string {
  return `${text.padEnd(15)} `;
}

function flagText(flags: number): string {
  if (flags === 0) return "";
  if (flags === BPF_ATTACH_FLAG.ALLOW_MULTI) return "multi";
  return flags === BPF_ATTACH_FLAG.ALLOW_OVERRIDE ? "override" : `unknown(${flags.toString(16)})`;
}

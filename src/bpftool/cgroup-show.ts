import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupPrograms, withObject } from "../inspect/index.ts";
import type { CgroupProgram } from "../inspect/index.ts";
import { SyscallError } from "../kernel/index.ts";
import type { Kernel } from "../kernel/index.ts";
import { BPF_ATTACH_FLAG, errnoMessage } from "../uapi/index.ts";
import type { Arguments } from "./arguments.ts";
import type { Command } from "./command.ts";
import { fullProgramName } from "./handle.ts";
import type { Json } from "./json.ts";
import { attachTypeName } from "./names.ts";
import { ToolError } from "./tool-error.ts";

interface ShownProgram extends CgroupProgram {
  readonly name: string;
}

/** cgroup show CGROUP [effective]. */
export const showCgroup: Command = async ({ args, kernel: open }) => {
  const path = args.take("CGROUP");
  const effective = takeEffective(args);
  args.end();
  const programs = query(await open(), path, effective);
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
  const groups = [...directoriesOf(root ?? mountedRoot(kernel))].flatMap((cgroup) => {
    const programs = query(kernel, cgroup, effective);
    return programs.length === 0 ? [] : [{ cgroup, programs }];
  });
  return {
    text: () =>
      `CgroupPath\n${header(effective)}${groups
        .map(
          ({ cgroup, programs }) =>
            `${cgroup}\n${programs.map((row) => rowText(row, effective, "    ")).join("")}`,
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

function query(kernel: Kernel, path: string, effective: boolean): ShownProgram[] {
  try {
    return cgroupPrograms(kernel, path, effective).map((program) => ({
      ...program,
      name: withObject(kernel, "prog", program.id, (fd) => fullProgramName(kernel, fd)),
    }));
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
      throw new ToolError(`can't open cgroup ${path}: ${error.message}`);
    throw error;
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
  for (const entry of readdirSync(root, { withFileTypes: true }))
    if (entry.isDirectory()) yield* directoriesOf(join(root, entry.name));
}

function header(effective: boolean): string {
  const flags = effective ? "" : column("AttachFlags");
  return `${"ID".padEnd(8)} ${column("AttachType")}${flags}${"Name".padEnd(15)}\n`;
}

function rowText(row: ShownProgram, effective: boolean, indent: string): string {
  const type = attachTypeName(row.attachType) ?? `type ${row.attachType}`;
  const flags = effective ? "" : column(flagText(row.flags));
  return `${indent}${String(row.id).padEnd(8)} ${column(type)}${flags}${row.name.padEnd(15)}\n`;
}

function rowJson(row: ShownProgram, effective: boolean): Json {
  return {
    id: row.id,
    attach_type: attachTypeName(row.attachType) ?? row.attachType,
    attach_flags: effective ? undefined : flagText(row.flags),
    name: row.name,
  };
}

function column(text: string): string {
  return `${text.padEnd(15)} `;
}

function flagText(flags: number): string {
  if (flags === 0) return "";
  if ((flags & BPF_ATTACH_FLAG.ALLOW_MULTI) !== 0) return "multi";
  return (flags & BPF_ATTACH_FLAG.ALLOW_OVERRIDE) !== 0 ? "override" : `unknown(${flags.toString(16)})`;
}

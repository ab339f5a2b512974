import { describe, expect, test } from "vitest";
import { BpfkitError } from "../../../errors.ts";
import { openKernel } from "../../../open-kernel.ts";
import { RecordWriter, Tracepoints } from "./tracepoints.ts";

const points = new Tracepoints("x64");

test("files of tracefs: directories, ids and formats", () => {
  expect(points.directory("events")).toContain("syscalls");
  expect(points.directory("events/syscalls")).toContain("sys_enter_openat");
  expect(points.file("events/sched/sched_process_exec/format")).toContain(
    "\tfield:__data_loc char[] filename;\toffset:8;\tsize:4;\tsigned:0;\n",
  );
  const id = Number(points.file("events/syscalls/sys_enter_execve/id"));
  expect(points.byId(id)).toMatchObject({ category: "syscalls", event: "sys_enter_execve" });
  expect(points.file("events/syscalls/sys_enter_nonsense/format")).toBeUndefined();
  expect(points.directory("events/nonsense")).toEqual([]);
});

test("calls have the numbers of their architecture", () => {
  expect([points.callNumber("execve"), points.callName(59)]).toEqual([59, "execve"]);
  expect(new Tracepoints("arm64").callNumber("execve")).toBe(221);
  expect(new Tracepoints("arm64").find("syscalls", "sys_enter_fork")).toBeUndefined();
});

test("a record has the kernel's layout, with texts behind it", () => {
  const point = points.find("sched", "sched_process_fork")!;
  const { bytes } = new RecordWriter(point, 7, ["sh", "make"])
    .text("parent_comm", "sh")
    .number("parent_pid", 7)
    .text("child_comm", "make")
    .number("child_pid", -1);
  const view = new DataView(bytes.buffer);
  expect(view.getInt32(4, true)).toBe(7);
  const text = (at: number): string => {
    const place = view.getUint32(at, true);
    return Buffer.from(bytes.subarray(place & 0xffff, (place & 0xffff) + (place >>> 16))).toString();
  };
  expect([text(8), view.getInt32(12, true), text(16), view.getInt32(20, true)]).toEqual([
    "sh\0",
    7,
    "make\0",
    -1,
  ]);
});

/** A format file of the running kernel, whether tracefs is mounted or not; undefined without the right to it. */
async function realFormat(event: string): Promise<string | undefined> {
  using kernel = await openKernel();
  try {
    return kernel.files.tracefs(`events/${event}/format`);
  } catch (error) {
    if (error instanceof BpfkitError && error.code === "kernel/no-tracefs") return undefined;
    throw error;
  }
}

function fieldLines(format: string): string[] {
  return format
    .split("\n")
    .filter((line) => line.includes("field:"))
    .map((line) => line.replace(/\s+/g, " "));
}

describe("as the running kernel has it", () => {
  test.for([
    "raw_syscalls/sys_enter",
    "raw_syscalls/sys_exit",
    "syscalls/sys_enter_execve",
    "syscalls/sys_enter_openat",
    "syscalls/sys_exit_openat",
    "sched/sched_process_fork",
    "sched/sched_process_exec",
    "signal/signal_deliver",
  ])("%s", async (name, context) => {
    const real = await realFormat(name);
    if (real === undefined) return context.skip("this kernel shows no tracefs to this user");
    expect(fieldLines(points.file(`events/${name}/format`)!)).toEqual(fieldLines(real));
  });
});

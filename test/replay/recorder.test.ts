import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { DEFAULT_EVENTS } from "../../src/kernel/embedded/index.ts";
import { openTracingKernel } from "../../src/open-kernel.ts";
import { KernelRecorder } from "../../src/recorder/index.ts";
import { RecordingReader, recordingBytes, RecordingWriter } from "../../src/recording/index.ts";
import { replay } from "./recordings.ts";

// The recorder's programs on the embedded kernel, which sees the processes of this test alone.

const LIBC = /\/\S*\/libc\.so\.6$/m.exec(readFileSync("/proc/self/maps", "utf8"))?.[0] ?? "/lib/libc.so.6";

describe.skipIf(process.platform !== "linux")("the recorder of a kernel", () => {
  let bytes: Uint8Array = new Uint8Array(0);

  beforeAll(async () => {
    const parts: Uint8Array[] = [];
    const writer = new RecordingWriter({ write: (part) => void parts.push(Uint8Array.from(part)) });
    const { kernel, processes } = await openTracingKernel();
    using _kernel = kernel;
    using _processes = processes;
    const args = ["-c", "cat /etc/hostname > /dev/null; /bin/true one 'two three'; exit 3"];
    const { pid, ended } = processes.startCommand({ path: "/bin/sh", args });
    using recorder = new KernelRecorder({
      kernel,
      writer,
      targets: [
        ...DEFAULT_EVENTS.flatMap((hook) => (hook.kind === "tracepoint" ? hook : [])),
        { kind: "uprobe", path: LIBC, symbol: "malloc", offset: 0, return: false },
      ],
      pid,
      command: "sh",
      snap: 512,
      ringSize: 1 << 22,
      version: "0.1.0",
    });
    processes.go();
    await ended;
    recorder.stop();
    expect(recorder.lost).toBe(0n);
    bytes = Buffer.concat(parts);
  }, 60_000);

  test("sees new programs with their arguments and parents", async () => {
    const { out, missing } = await replay(bytes, readFileSync("examples/process-creation.bt", "utf8"));
    const rows = out.split("\n").map((line) => line.split(/\s+/).slice(4).join(" "));
    expect(rows).toEqual([
      "COMM ARGS",
      expect.stringMatching(/^\S+ \/bin\/sh -c cat/),
      "sh cat /etc/hostname",
      "sh /bin/true one two three",
      "",
    ]);
    const parents = out.split("\n").map((line) => line.split(/\s+/)[3]);
    expect(parents[2]).toBe(out.split("\n")[1]?.split(/\s+/)[1]);
    expect(missing).toBe(0);
  });

  test("keeps texts and buffers of calls", async () => {
    const script = `tracepoint:syscalls:sys_enter_openat /comm == "cat"/ { @path[tid] = str(args.filename); }
      tracepoint:syscalls:sys_enter_read /comm == "cat"/ { @buf[tid] = args.buf; }
      tracepoint:syscalls:sys_exit_read /comm == "cat" && args.ret > 0 && args.ret < 512/ { printf("%s: %r\\n", @path[tid], buf(@buf[tid], args.ret)); }
      tracepoint:syscalls:sys_enter_write /comm == "cat"/ { printf("write %r\\n", buf(args.buf, args.count)); }
      END { clear(@path); clear(@buf); }`;
    const { out, missing } = await replay(bytes, script);
    const name = readFileSync("/etc/hostname", "utf8").replace("\n", String.raw`\x0a`);
    expect(out).toContain(`/etc/hostname: ${name}\nwrite ${name}\n`);
    expect(missing).toBe(0);
  });

  test("follows forks to their ends, and nobody else", async () => {
    const script = `tracepoint:sched:sched_process_fork { @fork = count(); }
      tracepoint:sched:sched_process_exec { printf("%s %r\\n", args.filename, buf(uptr(curtask->mm->arg_start), 5)); }
      tracepoint:sched:sched_process_exit { printf("end %s\\n", comm); @[pid == cpid] = count(); }`;
    const { out } = await replay(bytes, script);
    expect(out).toMatch(
      /\/bin\/sh \/bin\/\n\S*\/cat cat\\x00\/\nend cat\n\/bin\/true \/bin\/\nend true\nend sh\n/,
    );
    expect(out).toContain("@fork: 2\n");
    expect(out).toContain("@[true]: 1\n");
  });

  test("sees functions of the processes", async () => {
    const script = `uprobe:${LIBC}:malloc { @calls[comm] = count(); @bytes = sum(arg0); }`;
    const { out } = await replay(bytes, script);
    expect(Number(/@bytes: (\d+)/.exec(out)?.[1])).toBeGreaterThan(100);
    expect(out).toMatch(/@calls\[sh\]: \d+/);
  });

  test("keeps no address of the kernel in a record", () => {
    const reader = RecordingReader.open(recordingBytes(bytes));
    const events = [...reader.entries()].flatMap((entry) => (entry.kind === "event" ? entry : []));
    expect(events.length).toBeGreaterThan(50);
    for (const { context, pid, hook } of events)
      if (hook < DEFAULT_EVENTS.length)
        expect(new DataView(context.buffer, context.byteOffset).getBigUint64(0, true)).toBe(
          BigInt(pid) << 32n,
        );
  });
});

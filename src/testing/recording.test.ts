import { expect, test, vi } from "vitest";
import { call, forked, recording, returned, text } from "../../test/replay/recordings.ts";
import { testKernel } from "./index.ts";

const OPENAT = 257;
const PATH = 0x5000n;

const opens = recording([
  call(1_000_000, OPENAT, [0, PATH], [text(PATH, "notes.txt")]),
  returned(2_000_000, OPENAT, 3),
  call(3_000_000, OPENAT, [0, PATH + 8n], []),
  returned(4_000_000, OPENAT, -2),
  forked(5_000_000, 100, 101),
]);

test("a script is tested over what was recorded", async () => {
  using kernel = await testKernel({ recording: opens, coverage: true });
  await using script = await kernel.trace(
    `BEGIN { printf("begin\\n"); }
     tracepoint:syscalls:sys_enter_openat { @opens[comm, str(args.filename)] = count(); }
     tracepoint:syscalls:sys_exit_openat { @last = args.ret; @r = hist(args.ret); printf("%d\\n", $1); }
     END { printf("end\\n"); clear(@opens); }`,
    { parameters: ["7"] },
  );
  expect(script.output).toBe("begin\n");
  expect(await kernel.replay(2)).toEqual({ event: 2, ended: false, missing: 0, lost: 0 });
  expect(script.maps()).toEqual({
    "@opens": { "sh,notes.txt": 1 },
    "@last": 3,
    "@r": [{ min: 2, max: 3, count: 1 }],
  });
  expect(script.output).toBe("begin\n7\n");
  expect(await kernel.replay()).toEqual({ event: 5, ended: true, missing: 1, lost: 0 });
  expect(script.maps()).toMatchObject({ "@opens": { "sh,notes.txt": 1, "sh,": 1 }, "@last": -2 });
  expect(await script.stop()).toBe(0);
  expect(script.output).toBe("begin\n7\n7\nend\n");
  expect(script.maps()).toEqual({ "@last": -2, "@opens": {}, "@r": expect.any(Array) });
  expect(kernel.coverage().length).toBe(4);
});

test("however much a script prints over a recording, all of it is there", async () => {
  const many = recording(
    Array.from({ length: 70_000 }, (_, index) => call(index * 1000, OPENAT, [index, PATH])),
  );
  using kernel = await testKernel({ recording: many });
  await using script = await kernel.trace(
    'tracepoint:raw_syscalls:sys_enter { printf("%d\\n", args.args[0]); }',
  );
  await kernel.replay();
  expect(script.output.split("\n")).toHaveLength(70_001);
  expect(script.events.find(({ kind }) => kind === "lost")).toBeUndefined();
}, 60_000);

test("what a recording cannot do is said", async () => {
  using kernel = await testKernel({ recording: opens });
  expect(() => kernel.advance(1)).toThrow(expect.objectContaining({ code: "testing/recorded-time" }));
  using other = await testKernel();
  await expect(other.replay()).rejects.toMatchObject({ code: "testing/no-recording" });
  await expect(testKernel({ kernel: "linux", recording: opens })).rejects.toMatchObject({
    code: "testing/embedded-only",
  });
  await expect(testKernel({ recording: "/nowhere" })).rejects.toMatchObject({ code: "recording/file" });
  // What other tests run on does not matter to a recording.
  vi.stubEnv("BPFKIT_TEST_KERNEL", "linux");
  using again = await testKernel({ recording: opens });
  expect(again.name).toBe("embedded");
  vi.unstubAllEnvs();
});

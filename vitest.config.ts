import { defineConfig } from "vitest/config";

/** Suites that say what both kernels do: run once on each. Others ask for a kernel by name, or for none. */
const ON_BOTH_KERNELS = [
  "src/library/**/*.test.ts",
  "src/loader/**/*.test.ts",
  "src/transport/**/*.test.ts",
  "test/bpftrace/**/*.test.ts",
  "test/c/**/*.test.ts",
  "test/cli/trace.test.ts",
  "test/conformance/**/*.test.ts",
  "test/library/**/*.test.ts",
];

/** Suites that compare the two kernels. */
const OF_BOTH_AT_ONCE = ["btf-text", "helpers", "maps", "test-run"].map(
  (name) => `test/conformance/${name}.test.ts`,
);

export default defineConfig({
  test: {
    // Two cores, and suites that load programs into one shared kernel: little is won by more workers.
    maxWorkers: 2,
    testTimeout: 20_000,
    projects: [
      { extends: true, test: { name: "linux", include: ["src/**/*.test.ts", "test/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "embedded",
          include: ON_BOTH_KERNELS,
          exclude: OF_BOTH_AT_ONCE,
          env: { BPFKIT_KERNEL: "embedded" },
          setupFiles: ["test/embedded/skip-differences.ts"],
        },
      },
    ],
  },
});

import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // Two cores, and suites that load programs into one shared kernel: little is won by more workers.
    maxWorkers: 2,
    testTimeout: 20_000,
  },
});

// A vitest reporter: says why each skipped test was skipped, and leaves the totals to scripts/test.mjs.
import { writeFileSync } from "node:fs";

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) count(test, counts, module);
    }
    writeFileSync(process.env.BPFKIT_TEST_COUNTS, JSON.stringify(counts));
  }
}

function count(test, counts, module) {
  const { state, note } = test.result();
  if (state === "passed") counts.passed++;
  else if (state === "failed") counts.failed++;
  else {
    counts.skipped++;
    console.log(`skipped: ${module.relativeModuleId} > ${test.fullName}: ${note ?? "no reason given"}`);
  }
}

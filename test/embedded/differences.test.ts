import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { repository } from "../guest/repository.ts";
import { DIFFERENCES, differencesTable } from "./differences.ts";

function text(path: string): string {
  return readFileSync(join(repository(), path), "utf8");
}

test("docs/embedded.md has the table of differences", () => {
  expect(text("docs/embedded.md")).toContain(`\n${differencesTable()}\n`);
});

test.each(DIFFERENCES.flatMap(({ tests }) => Object.entries(tests)))("%s has the tests", (file, titles) => {
  // Titles of rows come from elsewhere: an example's is `name-index`, an error's ends with what is wrong.
  const source = text(file);
  for (const title of titles)
    expect(
      source.includes(`"${title}"`) ||
        /^'\w+-\d+' prints what it says$/.test(title) ||
        / about an? /.test(title),
      title,
    ).toBe(true);
});

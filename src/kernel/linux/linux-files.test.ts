import { expect, test } from "vitest";
import { parseCpuList } from "./linux-files.ts";
import { parseRelease } from "./linux-kernel.ts";

test("parseCpuList() takes ranges, single CPUs and an empty list", () => {
  expect(parseCpuList("0-3,5\n")).toEqual([0, 1, 2, 3, 5]);
  expect(parseCpuList("0\n")).toEqual([0]);
  expect(parseCpuList("\n")).toEqual([]);
});

test("parseRelease() reads the numbers of distribution kernels", () => {
  expect(parseRelease("6.12.107+deb13-amd64", "x64")).toMatchObject({ major: 6, minor: 12, patch: 107 });
  expect(parseRelease("7.2-rc1", "x64")).toMatchObject({ major: 7, minor: 2, patch: 0 });
});

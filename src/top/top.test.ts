import { assert as check, constantFrom, integer, nat, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { BPF_PROG_TYPE } from "../uapi/index.ts";
import { activity, filtered, press, renderScreen, SORT_KEYS, sorted, splitKeys } from "./index.ts";
import type { Controls, Sample } from "./index.ts";

function sample(
  seconds: number,
  ...programs: readonly (readonly [id: number, name: string, ns: number, runs: number])[]
): Sample {
  return {
    time: BigInt(Math.round(seconds * 1e9)),
    programs: new Map(
      programs.map(([id, name, ns, runs]) => [
        id,
        { id, type: BPF_PROG_TYPE.XDP, name, runTimeNs: BigInt(ns), runCount: BigInt(runs) },
      ]),
    ),
  };
}

const BEFORE = sample(10, [1, "one", 1000, 10], [2, "two", 0, 0], [4, "gone", 9, 9]);
const AFTER = sample(12, [1, "one", 201_000_000, 2010], [2, "two", 0, 0], [3, "new", 500, 5]);
const ROWS = activity(BEFORE, AFTER);

test("what happened between two samples", () => {
  expect(ROWS.map(({ id, events, average, totalAverage }) => [id, events, average, totalAverage])).toEqual([
    [1, 1000, 100_499.5, 100_000],
    [2, 0, 0, 0],
    [3, 2.5, 100, 100],
  ]);
  expect(ROWS[0]!.cpu).toBeCloseTo(10.04995);
  expect(activity(AFTER, AFTER).every(({ cpu, events }) => cpu === 0 && events === 0)).toBe(true);
});

test("rows are sorted and filtered", () => {
  const ids = (key: (typeof SORT_KEYS)[number], reverse = false): number[] =>
    sorted(ROWS, key, reverse).map(({ id }) => id);
  expect(ids("cpu")).toEqual([1, 3, 2]);
  expect(ids("cpu", true)).toEqual([2, 3, 1]);
  expect(ids("name")).toEqual([3, 1, 2]);
  expect(ids("type")).toEqual([1, 2, 3]);
  expect(filtered(ROWS, "TW").map(({ id }) => id)).toEqual([2]);
  expect(filtered(ROWS, "xdp")).toHaveLength(3);
});

const CONTROLS: Controls = {
  sort: "cpu",
  reverse: false,
  filter: "",
  editing: false,
  paused: false,
  help: false,
  first: 0,
};

function typed(text: string, count = 100, page = 10): Controls | "quit" | "suspend" {
  let controls: Controls = CONTROLS;
  for (const key of splitKeys(text)) {
    const pressed = press(controls, key, count, page);
    if (typeof pressed === "string") return pressed;
    controls = pressed;
  }
  return controls;
}

describe("keys", () => {
  test("sort, filter, scroll, pause, quit", () => {
    expect(typed("s")).toMatchObject({ sort: "events" });
    expect(typed("3r")).toMatchObject({ sort: "average", reverse: true });
    expect(typed("/xdq\u007fp\r")).toMatchObject({ filter: "xdp", editing: false });
    expect(typed("/xdp\u001b")).toMatchObject({ filter: "", editing: false });
    expect(typed("\u001b[B\u001b[B\u001b[A")).toMatchObject({ first: 1 });
    expect(typed("\u001b[F\u001b[6~")).toMatchObject({ first: 90 });
    expect(typed("\u001b[A")).toMatchObject({ first: 0 });
    expect(typed("\u001b[B", 5)).toMatchObject({ first: 0 });
    expect(typed("/q\u0003")).toBe("quit");
    expect(typed("pq")).toBe("quit");
    expect(typed("\u001a")).toBe("suspend");
  });

  test("no input leaves the list or fails", () => {
    check(
      property(string(), nat(50), nat(50), (text, count, page) => {
        const controls = typed(text, count, page);
        if (typeof controls === "string") return;
        expect(controls.first).toBeGreaterThanOrEqual(0);
        expect(controls.first).toBeLessThanOrEqual(Math.max(0, count - page));
      }),
    );
  });
});

const VIEW = { ...CONTROLS, rows: sorted(ROWS, "cpu", false), total: 3, interval: 1 };

function heads(columns: number, sort: (typeof SORT_KEYS)[number]): string {
  const [, , head] = renderScreen({ ...VIEW, sort }, { columns, rows: 24 });
  return head!.text.replaceAll(/ +/g, " ").trim();
}

describe("the screen", () => {
  test("as lines", () => {
    expect(renderScreen(VIEW, { columns: 100, rows: 24 }).map(({ text }) => text)).toMatchInlineSnapshot(`
      [
        "bpfkit top: 3 programs, 2 ran, 1003 events/s, 10.05 % of one CPU, every 1 s",
        "q quit  s sort  r reverse  / filter  p pause  h help",
        "    ID  TYPE                   AVG ns  TOTAL AVG ns    EVENTS/s    CPU %*  NAME",
        "     1  xdp                    100500        100000        1000    10.050  one",
        "     3  xdp                       100           100           3     0.000  new",
        "     2  xdp                         0             0           0     0.000  two",
      ]
    `);
  });

  test("a narrow one keeps names and what the rows are sorted by", () => {
    expect(heads(80, "cpu")).toBe("ID TYPE AVG ns EVENTS/s CPU %* NAME");
    expect(heads(60, "cpu")).toBe("ID EVENTS/s CPU %* NAME");
    expect(heads(40, "total")).toBe("ID TOTAL AVG ns* NAME");
    expect(heads(20, "type")).toBe("ID TYPE*");
  });

  test("is never larger than the terminal", () => {
    check(
      property(
        integer({ min: 1, max: 200 }),
        integer({ min: 1, max: 60 }),
        nat(5),
        constantFrom(true, false),
        (columns, rows, first, help) => {
          const lines = renderScreen({ ...VIEW, first, help }, { columns, rows });
          expect(lines.length).toBeLessThanOrEqual(rows);
          for (const { text } of lines) expect(text.length).toBeLessThanOrEqual(columns);
        },
      ),
    );
  });
});

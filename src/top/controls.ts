import { SORT_KEYS } from "./activity.ts";
import type { SortKey } from "./activity.ts";

/** What the keys have set. */
export interface Controls {
  readonly sort: SortKey;
  readonly reverse: boolean;
  readonly filter: string;
  readonly editing: boolean;
  readonly paused: boolean;
  readonly help: boolean;
  readonly first: number;
}

export type Pressed = Controls | "quit" | "suspend";

const [CTRL_C, CTRL_Z, ESCAPE, BACKSPACE] = ["\u0003", "\u001a", "\u001b", "\u007f"];

/** Keys as terminals send them. */
const SCROLL: Readonly<Record<string, (first: number, page: number, last: number) => number>> = {
  "\u001b[A": (first) => first - 1,
  "\u001bOA": (first) => first - 1,
  k: (first) => first - 1,
  "\u001b[B": (first) => first + 1,
  "\u001bOB": (first) => first + 1,
  j: (first) => first + 1,
  "\u001b[5~": (first, page) => first - page,
  "\u001b[6~": (first, page) => first + page,
  " ": (first, page) => first + page,
  "\u001b[H": () => 0,
  "\u001b[1~": () => 0,
  "\u001b[F": (_first, _page, last) => last,
  "\u001b[4~": (_first, _page, last) => last,
};

/** The controls after a key; `count` rows there are, of which `page` fit on the screen. */
export function press(controls: Controls, key: string, count: number, page: number): Pressed {
  if (key === CTRL_C) return "quit";
  if (key === CTRL_Z) return "suspend";
  if (controls.editing) return edit(controls, key);
  const scroll = Object.hasOwn(SCROLL, key) ? SCROLL[key] : undefined;
  if (scroll) {
    const last = Math.max(0, count - page);
    return { ...controls, first: Math.min(last, Math.max(0, scroll(controls.first, page, last))) };
  }
  const chosen = /^[1-9]$/.test(key) ? SORT_KEYS[Number(key) - 1] : undefined;
  if (chosen) return { ...controls, sort: chosen };
  switch (key) {
    case "q":
      return "quit";
    case "s":
      return { ...controls, sort: SORT_KEYS[(SORT_KEYS.indexOf(controls.sort) + 1) % SORT_KEYS.length]! };
    case "r":
      return { ...controls, reverse: !controls.reverse };
    case "p":
      return { ...controls, paused: !controls.paused };
    case "h":
    case "?":
      return { ...controls, help: !controls.help };
    case "/":
      return { ...controls, editing: true, filter: "", first: 0 };
    case ESCAPE:
      return { ...controls, help: false, filter: "", first: 0 };
    default:
      return controls;
  }
}

function edit(controls: Controls, key: string): Controls {
  if (key === "\r" || key === "\n") return { ...controls, editing: false };
  if (key === ESCAPE) return { ...controls, editing: false, filter: "" };
  if (key === BACKSPACE || key === "\b") return { ...controls, filter: controls.filter.slice(0, -1) };
  return /^[ -~]+$/.test(key) ? { ...controls, filter: controls.filter + key } : controls;
}

/** What one read from a terminal holds: single characters and whole escape sequences. */
export function splitKeys(input: string): string[] {
  // oxlint-disable-next-line no-control-regex -- escape sequences begin with it
  return input.match(/\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/g) ?? [];
}

import { SORT_KEYS } from "./activity.ts";
import type { Activity, SortKey } from "./activity.ts";

interface Column {
  readonly key: SortKey;
  readonly title: string;
  readonly width: number;
  readonly left?: true;
  readonly text: (row: Activity) => string;
}

/** The last one takes what is left of the line. */
const COLUMNS: readonly Column[] = [
  { key: "id", title: "ID", width: 6, text: ({ id }) => String(id) },
  { key: "type", title: "TYPE", width: 18, left: true, text: ({ type }) => type },
  { key: "average", title: "AVG ns", width: 9, text: ({ average }) => average.toFixed(0) },
  { key: "total", title: "TOTAL AVG ns", width: 12, text: ({ totalAverage }) => totalAverage.toFixed(0) },
  { key: "events", title: "EVENTS/s", width: 10, text: ({ events }) => events.toFixed(0) },
  { key: "cpu", title: "CPU %", width: 8, text: ({ cpu }) => cpu.toFixed(3) },
  { key: "name", title: "NAME", width: 4, left: true, text: ({ name }) => name },
];

/** What a narrow screen does without, the first first; but for what it is sorted by. */
const DISPENSABLE: readonly SortKey[] = ["total", "average", "type", "events", "cpu"];
/** Characters of a name that must fit: the kernel keeps no more of most. */
const NAME_ROOM = 15;
const GAP = "  ";

function line(columns: readonly Column[], cells: readonly string[]): string {
  return columns
    .map(({ width, left }, index) =>
      left
        ? cells[index]!.slice(0, index < columns.length - 1 ? width : undefined).padEnd(width)
        : cells[index]!.padStart(width),
    )
    .join(GAP)
    .trimEnd();
}

/** The columns that leave room for names. */
function fitting(screen: number, sort: SortKey): readonly Column[] {
  let columns = COLUMNS;
  for (const key of DISPENSABLE) {
    const others = columns.slice(0, -1).reduce((sum, { width }) => sum + width + GAP.length, 0);
    if (others + NAME_ROOM <= screen) break;
    if (key !== sort) columns = columns.filter((column) => column.key !== key);
  }
  return columns;
}

export function tableHead(sort: SortKey | undefined, columns: readonly Column[] = COLUMNS): string {
  return line(
    columns,
    columns.map(({ key, title }) => (key === sort ? `${title}*` : title)),
  );
}

export function tableRow(row: Activity, columns: readonly Column[] = COLUMNS): string {
  return line(
    columns,
    columns.map(({ text }) => text(row)),
  );
}

/** What is on the screen beside the rows. */
export interface View {
  readonly rows: readonly Activity[];
  readonly sort: SortKey;
  readonly filter: string;
  /** The filter is being typed. */
  readonly editing: boolean;
  readonly paused: boolean;
  readonly help: boolean;
  /** Rows that are scrolled out at the top. */
  readonly first: number;
  /** Programs before filtering. */
  readonly total: number;
  readonly interval: number;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** One line of the screen; heads stand out where the terminal can show it. */
export interface ScreenLine {
  readonly text: string;
  readonly head: boolean;
}

const HELP = [
  "q, Ctrl-C   quit",
  "arrows      scroll; Page Up, Page Down, Home, End",
  ...SORT_KEYS.map((key, index) => `${index + 1}           sort by ${key}`),
  "s           next column to sort by",
  "r           reverse the order",
  "/           filter by id, type or name: type, then Enter (Esc clears)",
  "p           pause",
  "h, ?        this help",
];

/** The whole screen, exactly as many lines as it has at most, none wider than it is. */
export function renderScreen(view: View, size: ScreenSize): ScreenLine[] {
  const busy = view.rows.filter(({ events }) => events > 0);
  const cpu = view.rows.reduce((sum, row) => sum + row.cpu, 0);
  const events = view.rows.reduce((sum, row) => sum + row.events, 0);
  const state = view.paused ? "paused" : `every ${view.interval} s`;
  const head = `bpfkit top: ${view.total} program${view.total === 1 ? "" : "s"}, ${busy.length} ran, ${events.toFixed(0)} events/s, ${cpu.toFixed(2)} % of one CPU, ${state}`;
  const filter = view.editing || view.filter !== "" ? `filter: ${view.filter}${view.editing ? "_" : ""}` : "";
  const keys = filter === "" ? "q quit  s sort  r reverse  / filter  p pause  h help" : filter;
  const room = bodyRows(size);
  const columns = fitting(size.columns, view.sort);
  const body = view.help ? HELP : view.rows.slice(view.first).map((row) => tableRow(row, columns));
  const lines: ScreenLine[] = [
    { text: head, head: false },
    { text: keys, head: false },
    { text: view.help ? "keys" : tableHead(view.sort, columns), head: true },
    ...body.slice(0, room).map((text) => ({ text, head: false })),
  ];
  return lines
    .slice(0, size.rows)
    .map(({ text, head: stands }) => ({ text: text.slice(0, size.columns), head: stands }));
}

const HEAD_ROWS = 3;

/** Rows of programs that fit on the screen. */
export function bodyRows({ rows }: ScreenSize): number {
  return Math.max(0, rows - HEAD_ROWS);
}

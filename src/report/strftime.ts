/** A moment in wall-clock time. */
export interface WallClock {
  /** Since 1970, UTC. */
  readonly seconds: number;
  /** 0 to 999,999,999. */
  readonly nanoseconds: number;
}

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
] as const;

const zeros = (value: number, width: number): string => String(value).padStart(width, "0");
const blanks = (value: number): string => String(value).padStart(2, " ");
const hour12 = (date: Date): number => date.getHours() % 12 || 12;

type Conversion = (date: Date, time: WallClock) => string;

/** strftime(3) in the C locale and the local time zone. */
const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  "%": () => "%",
  n: () => "\n",
  t: () => "\t",
  a: (date) => DAYS[date.getDay()]!.slice(0, 3),
  A: (date) => DAYS[date.getDay()]!,
  b: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  B: (date) => MONTHS[date.getMonth()]!,
  c: (_date, time) => formatTime("%a %b %e %H:%M:%S %Y", time),
  C: (date) => zeros(Math.floor(date.getFullYear() / 100), 2),
  d: (date) => zeros(date.getDate(), 2),
  D: (_date, time) => formatTime("%m/%d/%y", time),
  e: (date) => blanks(date.getDate()),
  F: (_date, time) => formatTime("%Y-%m-%d", time),
  g: (date) => zeros(isoWeek(date).year % 100, 2),
  G: (date) => String(isoWeek(date).year),
  h: (date) => MONTHS[date.getMonth()]!.slice(0, 3),
  H: (date) => zeros(date.getHours(), 2),
  I: (date) => zeros(hour12(date), 2),
  j: (date) => zeros(dayOfYear(date) + 1, 3),
  k: (date) => blanks(date.getHours()),
  l: (date) => blanks(hour12(date)),
  m: (date) => zeros(date.getMonth() + 1, 2),
  M: (date) => zeros(date.getMinutes(), 2),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  P: (date) => (date.getHours() < 12 ? "am" : "pm"),
  r: (_date, time) => formatTime("%I:%M:%S %p", time),
  R: (_date, time) => formatTime("%H:%M", time),
  s: (_date, time) => String(time.seconds),
  S: (date) => zeros(date.getSeconds(), 2),
  T: (_date, time) => formatTime("%H:%M:%S", time),
  u: (date) => String(date.getDay() || 7),
  U: (date) => zeros(Math.floor((dayOfYear(date) + 7 - date.getDay()) / 7), 2),
  V: (date) => zeros(isoWeek(date).week, 2),
  w: (date) => String(date.getDay()),
  W: (date) => zeros(Math.floor((dayOfYear(date) + 7 - ((date.getDay() + 6) % 7)) / 7), 2),
  x: (_date, time) => formatTime("%m/%d/%y", time),
  X: (_date, time) => formatTime("%H:%M:%S", time),
  y: (date) => zeros(date.getFullYear() % 100, 2),
  Y: (date) => String(date.getFullYear()),
  z: (date) => zoneOffset(date),
  Z: (date) => zoneName(date),
};

/** bpftrace's own conversions in strftime(): parts of the second. They shadow libc's %k and %l there. */
const FRACTIONS: Readonly<Record<string, Conversion>> = {
  f: (_date, time) => zeros(Math.floor(time.nanoseconds / 1000), 6),
  k: (_date, time) => zeros(time.nanoseconds, 9),
  l: (_date, time) => zeros(Math.floor(time.nanoseconds / 1_000_000), 3),
};

/** An unknown conversion stays as it is written, as glibc does. */
export function formatTime(format: string, time: WallClock, extensions?: "fractions"): string {
  const date = new Date(time.seconds * 1000);
  return format.replace(/%[EO_0^#-]?(.)/gs, (whole, letter: string) => {
    const conversion = (extensions && FRACTIONS[letter]) ?? CONVERSIONS[letter];
    return conversion ? conversion(date, time) : whole;
  });
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000;
}

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 4 - (date.getDay() || 7));
  return { year: thursday.getFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 };
}

function zoneOffset(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `${minutes < 0 ? "-" : "+"}${zeros(Math.floor(size / 60), 2)}${zeros(size % 60, 2)}`;
}

function zoneName(date: Date): string {
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(date);
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

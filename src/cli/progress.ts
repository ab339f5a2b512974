import { writeSync } from "node:fs";

/** Long enough that short runs show nothing. */
const INTERVAL_MILLISECONDS = 500;

/** One line of standard error that is written again and again, where that is a terminal; it goes away on disposal. */
export function progressLine(text: () => string): Disposable {
  if (!process.stderr.isTTY) return { [Symbol.dispose]: () => undefined };
  const timer = setInterval(() => writeSync(2, `\r${text()}\x1b[K`), INTERVAL_MILLISECONDS).unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      writeSync(2, "\r\x1b[K");
    },
  };
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** 128 + SIGINT, as shells report it. */
const FORCED = 130;

/** The first signal asks for an orderly end; a second one ends at once, and the kernel takes the probes off. */
export function onStopSignals(stop: () => void): Disposable {
  let asked = false;
  const listener = (): void => {
    if (asked) process.exit(FORCED);
    asked = true;
    stop();
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return {
    [Symbol.dispose]() {
      for (const signal of SIGNALS) process.off(signal, listener);
    },
  };
}

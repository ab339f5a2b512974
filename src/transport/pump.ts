import type { Kernel } from "../kernel/index.ts";
import type { RecordHandler, RecordSource } from "./record-source.ts";

/** Records handed over in one turn of the event loop: some milliseconds of work, so that signals get in. */
const BATCH = 8192;

export interface Pump extends Disposable {
  /**
   * Hands over everything that waits, as at the end of a session. Only once nothing sends any more: what the
   * handlers do may itself be traced, and would feed this for ever.
   */
  flush(): void;
}

/**
 * Hands records over as they arrive, from the event loop, in batches; `afterBatch` follows each batch.
 * Errors of the handlers surface as uncaught exceptions of the event loop unless they catch them.
 */
export function pumpRecords(
  kernel: Kernel,
  source: RecordSource,
  handle: RecordHandler,
  afterBatch: () => void = () => undefined,
): Pump {
  const ready = (): void => {
    if (source.drain(handle, BATCH) > 0) afterBatch();
  };
  const watches = source.fds.map((fd) => kernel.watch(fd, ready));
  return {
    flush() {
      while (source.drain(handle, BATCH) > 0) afterBatch();
    },
    [Symbol.dispose]() {
      for (const watch of watches) watch[Symbol.dispose]();
    },
  };
}

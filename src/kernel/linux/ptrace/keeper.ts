// node keeper.js PID...: holds processes that have a filter of a tracer that has ended, with all that they start,
// until the last of them ends, and changes nothing of what they do.
import { BpfkitError } from "../../../errors.ts";
import { openProcessTracer } from "./tracer.ts";

using tracer = openProcessTracer({ follow: true, calls: [], steady: true });
for (const word of process.argv.slice(2)) {
  try {
    tracer.attach(Number(word));
  } catch (error) {
    // One that has ended meanwhile needs nobody.
    if (!(error instanceof BpfkitError)) throw error;
  }
}
for (let stop = tracer.wait(); stop !== undefined; stop = tracer.wait())
  if (stop !== "interrupted") tracer.resume(stop);

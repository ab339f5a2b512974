// Serves how long threads wait for a CPU as a Prometheus histogram.
//
//   bpfkit cc examples/c/scheduler-latency.bpf.c -o scheduler-latency.bpf.o
//   node examples/c/scheduler-latency.ts scheduler-latency.bpf.o --port 9435
//   curl http://127.0.0.1:9435/metrics
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { load } from "bpfkit";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: "string", default: "9435" } },
});
const [path] = positionals;
if (path === undefined) throw new Error("usage: scheduler-latency.ts OBJECT [--port PORT]");

interface Types {
  readonly programs: Record<string, never>;
  readonly maps: Record<string, never>;
  readonly globals: { readonly slots: readonly bigint[]; readonly total_us: bigint };
}

using object = await load<Types>(path);
object.attach();

const server = createServer((request, response) => {
  if (request.url !== "/metrics") {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(metrics());
});
server.listen(Number(values.port), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : values.port;
  console.log(`Serving http://127.0.0.1:${port}/metrics`);
});
await new Promise((resolve) => process.once("SIGINT", resolve).once("SIGTERM", resolve));
server.close();

/** Buckets of Prometheus hold everything up to their bound, those below included. */
function metrics(): string {
  const { slots, total_us: total } = object.globals;
  let sum = 0n;
  const buckets = slots.map((count, slot) => {
    sum += count;
    const bound = slot === slots.length - 1 ? "+Inf" : (2 ** slot / 1e6).toString();
    return `scheduler_latency_seconds_bucket{le="${bound}"} ${sum}`;
  });
  return [
    "# HELP scheduler_latency_seconds How long threads that could run waited for a CPU.",
    "# TYPE scheduler_latency_seconds histogram",
    ...buckets,
    `scheduler_latency_seconds_sum ${Number(total) / 1e6}`,
    `scheduler_latency_seconds_count ${sum}`,
    "",
  ].join("\n");
}

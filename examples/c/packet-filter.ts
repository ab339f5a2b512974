// Drops what comes from the networks of a list, and shows what comes in, once a second.
//
//   bpfkit cc examples/c/packet-filter.bpf.c -o packet-filter.bpf.o
//   node examples/c/packet-filter.ts packet-filter.bpf.o --dev eth0 10.1.2.0/24 192.0.2.7
//
// Node 24 runs it as it is; before that: node scripts/run-ts.mjs examples/c/packet-filter.ts ...
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { load, lpmKey } from "bpfkit";

interface Count {
  readonly packets: bigint;
  readonly bytes: bigint;
}

interface Network {
  readonly bits: number;
  readonly address: Uint8Array;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dev: { type: "string" }, seconds: { type: "string", default: "Infinity" } },
});
const [path, ...networks] = positionals;
if (path === undefined || values.dev === undefined)
  throw new Error("usage: packet-filter.ts OBJECT --dev INTERFACE [NETWORK...]");

using object = await load(path);
const dropped = object.map<Network, bigint>("dropped");
for (const network of networks) dropped.set(lpmKey(network), 0n);
object.attach({ interface: values.dev });
console.log(`Filtering ${values.dev}, dropping ${networks.join(", ") || "nothing"}`);

const protocols: Readonly<Record<number, string>> = { 0: "other", 1: "ICMP", 6: "TCP", 17: "UDP" };
const { signal } = onInterrupt();
for (let second = 0; second < Number(values.seconds) && !signal.aborted; second++) {
  await setTimeout(1000, undefined, { signal }).catch(() => undefined);
  for (const [protocol, counts] of object.map<number, readonly Count[]>("received")) {
    const packets = counts.reduce((sum, count) => sum + count.packets, 0n);
    const bytes = counts.reduce((sum, count) => sum + count.bytes, 0n);
    if (packets > 0n) console.log(`${protocols[protocol] ?? protocol}: ${packets} packets, ${bytes} bytes`);
  }
  for (const [{ bits, address }, packets] of dropped)
    console.log(`dropped from ${address.join(".")}/${bits}: ${packets} packets`);
}

/** Aborted by Ctrl-C, so that the program goes its way to the end and the filter is taken off. */
function onInterrupt(): AbortController {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort());
  return controller;
}

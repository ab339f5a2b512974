// Draws where threads wait as a flame graph.
//
//   bpfkit cc examples/c/off-cpu.bpf.c -o off-cpu.bpf.o
//   node examples/c/off-cpu.ts off-cpu.bpf.o --seconds 10 > off-cpu.svg
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { load } from "bpfkit";

interface Place {
  readonly comm: string;
  readonly stack: bigint;
}

/** Time in a frame and those below it, in microseconds. */
interface Frame {
  time: number;
  readonly callees: Map<string, Frame>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: "string", default: "10" }, pid: { type: "string", default: "0" } },
});
const [path] = positionals;
if (path === undefined) throw new Error("usage: off-cpu.ts OBJECT [--seconds N] [--pid PID] > FILE.svg");

using object = await load(path, { globals: { only_pid: Number(values.pid) } });
const attached = object.attach();
await new Promise((resolve) => setTimeout(resolve, Number(values.seconds) * 1000));
attached[Symbol.dispose]();

const symbols = kernelSymbols();
const stacks = object.map<number, readonly bigint[]>("stacks");
const root: Frame = { time: 0, callees: new Map() };
for (const [{ comm, stack }, time] of object.map<Place, bigint>("time_away")) {
  const addresses = stack < 0n ? [] : (stacks.get(Number(stack)) ?? []);
  const names = addresses.filter((address) => address !== 0n).map(nameOf);
  add(root, [comm, ...names.toReversed()], Number(time));
}
console.log(svg(root));

function add(frame: Frame, names: readonly string[], time: number): void {
  frame.time += time;
  const [name, ...rest] = names;
  if (name === undefined) return;
  const callee = frame.callees.get(name) ?? { time: 0, callees: new Map<string, Frame>() };
  frame.callees.set(name, callee);
  add(callee, rest, time);
}

/** Functions of the kernel by address. */
function kernelSymbols(): { readonly address: bigint; readonly name: string }[] {
  return readFileSync("/proc/kallsyms", "latin1")
    .split("\n")
    .flatMap((line) => {
      const [address, type, name] = line.split(/\s/);
      return address && name && /^[tTwW]$/.test(type ?? "")
        ? [{ address: BigInt(`0x${address}`), name }]
        : [];
    })
    .sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
}

/** The last function that begins at or before the address. */
function nameOf(address: bigint): string {
  let low = 0;
  let high = symbols.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (symbols[middle]!.address <= address) low = middle + 1;
    else high = middle;
  }
  return symbols[low - 1]?.name ?? `0x${address.toString(16)}`;
}

function svg(top: Frame): string {
  const width = 1200;
  const height = 16;
  const boxes: string[] = [];
  const draw = (frame: Frame, name: string, left: number, depth: number): number => {
    const size = (frame.time / top.time) * width;
    // Narrower than a pixel's fraction: nobody could see it.
    if (size < 0.2) return 0;
    let deepest = depth;
    let at = left;
    for (const [callee, below] of frame.callees) {
      deepest = Math.max(deepest, draw(below, callee, at, depth + 1));
      at += (below.time / top.time) * width;
    }
    const label = name.slice(0, Math.floor(size / 7));
    boxes.push(
      `<g transform="translate(${left.toFixed(1)} ${depth * height})">` +
        `<title>${escape(name)}: ${(frame.time / 1000).toFixed(1)} ms</title>` +
        `<rect width="${size.toFixed(1)}" height="${height - 1}" fill="hsl(${200 + ((depth * 17) % 60)} 70% 70%)"/>` +
        (label.length > 2 ? `<text x="2" y="11">${escape(label)}</text>` : "") +
        "</g>",
    );
    return deepest;
  };
  const deepest = top.time > 0 ? draw(top, "off CPU", 0, 0) : 0;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${(deepest + 1) * height}" font-family="monospace" font-size="11">`,
    ...boxes,
    "</svg>",
  ].join("\n");
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
}

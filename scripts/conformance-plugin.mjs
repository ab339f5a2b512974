#!/usr/bin/env node
// A plugin of bpf_conformance: `plugin [MEMORY] [--interpreter]`, both memory and the program on stdin as
// hexadecimal text; prints r0 in hexadecimal. scripts/conformance.mjs starts the runner with it.
import { readFileSync } from "node:fs";
import { decode } from "../dist/isa/index.js";
import { Machine } from "../dist/kernel/embedded/vm/index.js";

function bytesOf(hex) {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/[^0-9a-f]/gi, ""), "hex"));
}

const mode = process.argv.includes("--interpreter") ? "interpreter" : "jit";
const memory = bytesOf(process.argv.slice(2).find((argument) => !argument.startsWith("--")) ?? "");

// The suite calls helper 5 and looks only at what follows.
const helpers = new Map([[5, { params: [], result: "i64", call: () => 0n }]]);
try {
  const machine = new Machine({ helpers, fuel: 100_000_000 });
  const address = machine.allocate(memory.length);
  machine.bytes(address, memory.length).set(memory);
  const program = machine.load(decode(bytesOf(readFileSync(0, "utf8"))), mode);
  console.log(program.run(memory.length > 0 ? address : 0, memory.length).toString(16));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

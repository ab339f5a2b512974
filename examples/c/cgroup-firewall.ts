// Runs a command that may connect to the networks of a list only.
//
//   bpfkit cc examples/c/cgroup-firewall.bpf.c -o cgroup-firewall.bpf.o
//   node examples/c/cgroup-firewall.ts cgroup-firewall.bpf.o --allow 127.0.0.0/8 -- npm install
import { spawn } from "node:child_process";
import { mkdirSync, rmdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { load, lpmKey } from "bpfkit";

interface Refused {
  readonly pid: number;
  readonly comm: string;
  readonly to: Uint8Array;
  readonly port: number;
  readonly protocol: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    allow: { type: "string", multiple: true, default: [] },
    /** Where cgroup2 is mounted; /sys/fs/cgroup/unified beside version 1. */
    root: { type: "string", default: "/sys/fs/cgroup" },
  },
});
const [path, ...command] = positionals;
if (path === undefined || command.length === 0)
  throw new Error("usage: cgroup-firewall.ts OBJECT --allow NETWORK... -- COMMAND");

const cgroup = `${values.root}/firewall-${process.pid}`;
mkdirSync(cgroup);
try {
  using object = await load(path);
  const allowed = object.map<unknown, bigint>("allowed");
  for (const network of values.allow) allowed.set(lpmKey(network), 0n);
  object.attach({ cgroup });

  const refused = object.events<Refused>("refused").read();
  void (async () => {
    for await (const { pid, comm, to, port } of refused)
      console.error(`refused: ${comm} (${pid}) to ${to.join(".")}:${port}`);
  })();

  // The shell goes into the cgroup before it becomes the command.
  const shell = spawn("sh", ["-c", `echo $$ > ${cgroup}/cgroup.procs; exec "$0" "$@"`, ...command], {
    stdio: "inherit",
  });
  process.exitCode = await new Promise<number>((resolve) => {
    shell.once("exit", (code) => resolve(code ?? 1));
  });
  // What was refused last still waits to be read.
  refused.poll(({ comm, to, port }) => console.error(`refused: ${comm} to ${to.join(".")}:${port}`));
} finally {
  rmdirSync(cgroup);
}

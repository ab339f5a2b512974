// Runs inside the guest: starts the commands that the host asks for over the second serial line, one JSON
// value a line each way, and reports their output and ends.
import { spawn } from "node:child_process";
import { createReadStream, writeSync } from "node:fs";
import { createInterface } from "node:readline";

const children = new Map();

const requests = {
  start({ id, argv, cwd, env, stdin, timeout }) {
    const child = spawn(argv[0], argv.slice(1), { cwd, env: { ...process.env, ...env }, detached: true });
    children.set(id, child);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child, "SIGKILL");
    }, timeout);
    child.stdout.on("data", (data) => send({ id, stdout: data.toString("base64") }));
    child.stderr.on("data", (data) => send({ id, stderr: data.toString("base64") }));
    // A command that reads no input may be gone before all of it is written.
    child.stdin.on("error", () => undefined);
    child.stdin.end(Buffer.from(stdin ?? "", "base64"));
    child.on("error", (error) => send({ id, code: 127, signal: null, timedOut, error: error.message }));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      children.delete(id);
      // Half of an output, and nothing said, would look like a command that ended by itself.
      const error = timedOut
        ? { error: `${argv[0]} was killed: it ran for more than ${timeout / 1000} s\n` }
        : {};
      if (child.pid !== undefined) send({ id, code, signal, timedOut, ...error });
    });
  },
  signal({ id, signal }) {
    const child = children.get(id);
    if (child) child.kill(signal);
  },
};

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function send(message) {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let done = 0; done < bytes.length;) done += writeSync(1, bytes, done);
}

const lines = createInterface({ input: createReadStream("", { fd: 0 }) });
lines.on("line", (line) => {
  const request = JSON.parse(line);
  requests[request.kind](request);
});
send({ id: 0, ready: process.version });

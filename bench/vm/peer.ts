import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/**
 * Another machine for BPF programs, in a process of its own. It answers each line with one:
 *
 *   prepare CODE PACKET     ok                both in hexadecimal; r1 is an xdp_md that bounds the packet
 *   run jit|interpreter N   NANOSECONDS R0    N runs after the packet was laid anew
 *
 * or with "error: …".
 */
export class Peer implements Disposable {
  readonly name: string;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(name: string, command: string) {
    this.name = name;
    this.#child = spawn(command, { shell: true, stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  /** An error's text, where it cannot run such a program. */
  async prepare(code: Uint8Array, packet: Uint8Array): Promise<string | undefined> {
    const answer = await this.#ask(
      `prepare ${Buffer.from(code).toString("hex")} ${Buffer.from(packet).toString("hex")}`,
    );
    return answer === "ok" ? undefined : answer;
  }

  async run(mode: "jit" | "interpreter", times: number): Promise<{ nanoseconds: number; result: bigint }> {
    const answer = await this.#ask(`run ${mode} ${times}`);
    const [nanoseconds = "", result = ""] = answer.split(" ");
    if (!/^\d+$/.test(nanoseconds)) throw new Error(`${this.name}: ${answer}`);
    return { nanoseconds: Number(nanoseconds), result: BigInt(result) };
  }

  [Symbol.dispose](): void {
    this.#child.stdin.end();
  }

  async #ask(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    return done ? "error: it has ended" : value;
  }
}

/** Compiles the driver for the library of ubpf at a path; the reason where that cannot be. */
export function ubpfPeer(library: string): Peer | string {
  const folder = ".cache/bench";
  mkdirSync(folder, { recursive: true });
  const driver = `${folder}/ubpf-driver`;
  const { status, stderr, error } = spawnSync(
    "cc",
    ["-O2", "bench/vm/ubpf-driver.c", library, "-lm", "-lpthread", "-o", driver],
    { encoding: "utf8" },
  );
  if (error || status !== 0) return error?.message ?? stderr.trim().split("\n").at(-1) ?? "cc failed";
  return new Peer("ubpf", driver);
}

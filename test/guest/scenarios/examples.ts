import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { findClang } from "../../../src/c/index.ts";
import type { Guest, GuestProcess } from "../guest.ts";
import { objectOf, scriptOf } from "../programs.ts";
import { repository } from "../repository.ts";
import type { Scenario } from "../scenario.ts";

const FOLDER = "/tmp/examples";
const PROGRAMS = join(repository(), "examples", "c");

/** Objects and JavaScript of the examples, made on this machine once and put into each guest. */
const prepared = new WeakMap<Guest, Promise<void>>();

function prepare(guest: Guest): Promise<void> {
  let done = prepared.get(guest);
  if (!done) {
    done = write(guest);
    prepared.set(guest, done);
  }
  return done;
}

async function write(guest: Guest): Promise<void> {
  await guest.shell(`mkdir -p ${FOLDER} && ip link set lo up`);
  for (const file of readdirSync(PROGRAMS)) {
    const source = join(PROGRAMS, file);
    if (file.endsWith(".bpf.c"))
      await guest.write(`${FOLDER}/${file.replace(/\.c$/, ".o")}`, objectOf(source));
    else if (file.endsWith(".ts"))
      await guest.write(`/bpfkit/${file.replace(/\.ts$/, ".js")}`, scriptOf(source));
  }
}

function run(guest: Guest, name: string, ...args: readonly string[]): ReturnType<Guest["run"]> {
  return guest.run(["./bpfkit", "run", `${FOLDER}/${name}.bpf.o`, ...args]);
}

function start(guest: Guest, name: string, ...args: readonly string[]): GuestProcess {
  return guest.start(["node", `/bpfkit/${name}.js`, `${FOLDER}/${name}.bpf.o`, ...args]);
}

function atNode(program: string): string[] {
  return ["--attach", `${program}=/usr/bin/node:ossl_statem_accept`];
}

function get(path: string): string {
  return `wget -q -O /dev/null http://127.0.0.1:7074${path}`;
}

function connect(address: string): string {
  return `const s = require("net").connect(7072, "${address}"); s.on("connect", () => s.end()); s.on("error", () => 0);`;
}

/** A server and a client of one process, which need no certificate. */
const TLS = `
const tls = require("tls");
const psk = Buffer.alloc(16, 1);
const ciphers = "PSK+HIGH:TLS_AES_128_GCM_SHA256";
const server = tls.createServer({ ciphers, pskCallback: () => psk, pskIdentityHint: "x" }, (s) => s.end());
server.listen(7073, "127.0.0.1", () => {
  const client = tls.connect({ port: 7073, host: "127.0.0.1", ciphers, checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity: "x" }) });
  client.on("close", () => server.close()).on("data", () => 0).on("error", console.error);
});
`;

const SERVER = `
require("http").createServer((request, response) => {
  response.writeHead(request.url === "/missing" ? 404 : 200);
  response.end("hello");
}).listen(7074, "127.0.0.1", () => console.log("listening"));
`;

interface Example {
  readonly name: string;
  readonly run: (guest: Guest) => Promise<void>;
  readonly skip?: Scenario["skip"];
}

const EXAMPLES: readonly Example[] = [
  {
    name: "process-creation",
    run: async (guest) => {
      const { stdout } = await run(guest, "process-creation", "-c", "sh -c 'cat /proc/version; true'");
      expect(stdout).toMatch(
        /^programs pid=\d+ ppid=\d+ uid=0 cgroup=\d+ comm=\S+ parent=sh args="cat \/proc\/version"$/m,
      );
    },
  },
  {
    name: "file-opens",
    run: async (guest) => {
      const load = ["-c", "sh -c 'cat /proc/version /no/such/file; true'"];
      const all = await run(guest, "file-opens", ...load);
      expect(all.stdout).toMatch(/^opens pid=\d+ result=\d+ comm=cat path=\/proc\/version$/m);
      expect(all.stdout).toMatch(/^opens_by_program:$/m);
      expect(all.stdout).toMatch(/^ {2}name=cat: \d+$/m);
      const failed = await run(guest, "file-opens", "--set", "only_failed=true", ...load);
      expect(failed.stdout).toMatch(/^opens pid=\d+ result=-2 comm=cat path=\/no\/such\/file$/m);
      expect(failed.stdout).not.toContain("path=/proc/version");
    },
  },
  {
    name: "tcp-connections",
    run: async (guest) => {
      await guest.write("/tmp/connect.js", Buffer.from(connect("127.0.0.1")));
      const { stdout } = await run(guest, "tcp-connections", "-c", "node /tmp/connect.js");
      expect(stdout).toMatch(
        /^connections pid=\d+ comm=node to=7f000001 port=7072 latency_us=\d+ refused=true$/m,
      );
    },
  },
  {
    name: "packet-filter",
    run: async (guest) => {
      const filter = start(guest, "packet-filter", "--dev", "lo", "127.0.0.2/32");
      await filter.waitFor(/Filtering lo/);
      const send = `const s = require("dgram").createSocket("udp4"); s.bind(0, "127.0.0.2", () => s.send("x", 7075, "127.0.0.1", () => s.close()));`;
      await guest.run(["node", "-e", send]);
      await filter.waitFor(/^dropped from 127\.0\.0\.2\/32: 1 packets$/m);
      await filter.waitFor(/^UDP: [1-9]\d* packets, \d+ bytes$/m);
      filter.signal("SIGINT");
      expect((await filter.end).code).toBe(0);
      expect(await guest.shell("./bpfkit link show")).toBe("");
    },
  },
  {
    name: "tls-handshakes",
    run: async (guest) => {
      await guest.write("/tmp/tls.js", Buffer.from(TLS));
      const { stdout, stderr } = await run(
        guest,
        "tls-handshakes",
        ...atNode("handshake_begins"),
        ...atNode("handshake_ends"),
        "-c",
        "node /tmp/tls.js",
      );
      expect(stderr).toContain("Attached 2 programs");
      expect(stdout).toMatch(/^handshakes pid=\d+ comm=\S+ latency_us=\d+ calls=\d+$/m);
    },
  },
  {
    name: "exec-policy",
    run: async (guest) => {
      const modules = await guest.shell(
        "mount -t securityfs none /sys/kernel/security 2>/dev/null; cat /sys/kernel/security/lsm 2>/dev/null || true",
      );
      const program = "/tmp/forbidden";
      await guest.shell(`cp /bin/busybox ${program}`);
      const load = ["-c", `sh -c '${program} true; echo ended with $?'`];
      const { stdout, stderr } = await run(guest, "exec-policy", "--set", "prefix=/tmp/", ...load);
      // A kernel without BPF among its modules says so, or never asks the program.
      if (!modules.includes("bpf")) return expect(`${stdout}${stderr}`).toMatch(/ended with 0|ERROR/);
      expect(stdout).toContain("ended with 126");
      expect(stdout).toMatch(/^refused pid=\d+ uid=0 comm=sh program=\/tmp\/forbidden$/m);
    },
  },
  {
    name: "cgroup-firewall",
    run: async (guest) => {
      await guest.write("/tmp/both.js", Buffer.from(`{${connect("127.0.0.1")}} {${connect("127.0.0.2")}}`));
      const firewall = start(
        guest,
        "cgroup-firewall",
        "--allow",
        "127.0.0.1/32",
        "--",
        "node",
        "/tmp/both.js",
      );
      const { stderr, code } = await firewall.end;
      expect(stderr).toMatch(/^refused: node .*to 127\.0\.0\.2:7072$/m);
      expect(stderr).not.toContain("127.0.0.1:");
      expect(code).toBe(0);
    },
  },
  {
    name: "scheduler-latency",
    run: async (guest) => {
      const exporter = start(guest, "scheduler-latency", "--port", "9435");
      await exporter.waitFor(/Serving http:\/\/127\.0\.0\.1:9435\/metrics/);
      const metrics = await guest.shell("wget -q -O - http://127.0.0.1:9435/metrics");
      expect(metrics).toContain("# TYPE scheduler_latency_seconds histogram");
      expect(metrics).toMatch(/^scheduler_latency_seconds_bucket\{le="\+Inf"\} [1-9]\d*$/m);
      expect(metrics).toMatch(/^scheduler_latency_seconds_count [1-9]\d*$/m);
      exporter.signal("SIGINT");
      expect((await exporter.end).code).toBe(0);
    },
  },
  {
    name: "off-cpu",
    run: async (guest) => {
      const { stdout, code } = await start(guest, "off-cpu", "--seconds", "1").end;
      expect(stdout.startsWith("<svg xmlns=")).toBe(true);
      expect(stdout).toMatch(/<title>__schedule: [\d.]+ ms<\/title>|<title>schedule: /);
      expect(stdout.trimEnd().endsWith("</svg>")).toBe(true);
      expect(code).toBe(0);
    },
  },
  {
    name: "http-server",
    run: async (guest) => {
      const server = guest.start(["sh", "-c", `echo pid $$; exec node -e '${SERVER}'`]);
      await server.waitFor(/listening/);
      const [, pid = ""] = /pid (\d+)/.exec(server.stdout) ?? [];
      const load = `sh -c '${get("/hello")}; ${get("/missing")}; true'`;
      const { stdout } = await run(guest, "http-server", "--set", `server=${pid}`, "-c", load);
      server.signal("SIGKILL");
      await server.end;
      expect(stdout).toMatch(/^requests latency_us=\d+ status=200 request="GET \/hello"$/m);
      expect(stdout).toMatch(/^requests latency_us=\d+ status=404 request="GET \/missing"$/m);
    },
  },
];

/** The C programs of examples/ and what they show. */
export const examples: readonly Scenario[] = EXAMPLES.map(({ name, run: check }) => ({
  name,
  skip: () => withoutClang(),
  run: async (guest) => {
    await prepare(guest);
    await check(guest);
  },
}));

/** Why C programs cannot be compiled here, if they cannot. */
export function withoutClang(): string | undefined {
  try {
    findClang(process.env);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

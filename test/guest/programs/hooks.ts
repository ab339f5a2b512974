// Runs in a guest: hooks one program of every kind in, by bpfkit's public API, and says what came of it, a line of
// JSON each. A hook is on when its program runs, and off when it does not; a pin keeps it on; an update puts another
// program there; detaching ends it though the pin stays.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import koffi from "koffi";
import { BpfkitError, load, openLink, readObject, SyscallError } from "bpfkit";
import type { BpfObject, Fd, Hook, HookPlaces, Kernel, Link } from "bpfkit";
import { addLink, deleteLink, linkByName } from "../../../src/netlink/index.ts";

const [path = "", ...names] = process.argv.slice(2);
const spec = readObject(path);
const CGROUP = "/sys/fs/cgroup/hooks";
const PIN = "/sys/fs/bpf/hook";
const COOKIE = 0x1234_5678_9abcn;

interface Globals {
  programs: Record<string, never>;
  maps: Record<string, never>;
  globals: { hits: bigint; cookie: bigint };
}

interface Row {
  readonly program: string;
  /** What its section leaves open, or the hook. */
  readonly hook?: (object: BpfObject<Globals>) => Hook | HookPlaces;
  /** Makes the program run; absent: it is hooked in only. */
  readonly fire?: () => void | Promise<void>;
  readonly cookie?: true;
  /** What must be there first; its disposal takes it away. */
  readonly prepare?: (kernel: Kernel) => Disposable;
}

// No function of Node makes a socket with the options that these hooks want.
const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int, int, int)");
const close = libc.func("int close(int)");
const setsockopt = libc.func("int setsockopt(int, int, int, int *, unsigned int)");
const bind = libc.func("int bind(int, void *, unsigned int)");
const sendto = libc.func("int sendto(int, void *, size_t, int, void *, unsigned int)");
const [AF_INET, SOCK_DGRAM, SOL_SOCKET, SO_REUSEPORT, SO_SNDBUF] = [2, 2, 1, 15, 7];

const LOOPBACK: readonly number[] = [127, 0, 0, 1];
/** Behind the netkit device. */
const NEIGHBOUR: readonly number[] = [10, 9, 9, 2];

function address(port: number, host = LOOPBACK): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint16(0, AF_INET, true);
  bytes.set([port >> 8, port & 255, ...host], 2);
  return bytes;
}

/** A socket for UDP at a port of its own. */
class Udp implements Disposable {
  readonly fd: number = socket(AF_INET, SOCK_DGRAM, 0);

  constructor(port?: number) {
    setsockopt(this.fd, SOL_SOCKET, SO_REUSEPORT, [1], 4);
    if (port !== undefined && bind(this.fd, address(port), 16) !== 0) throw new Error("no bind");
  }

  send(port: number, host = LOOPBACK): void {
    sendto(this.fd, new Uint8Array(32), 32, 0, address(port, host), 16);
  }

  [Symbol.dispose](): void {
    close(this.fd);
  }
}

let receiver: Udp | undefined;
const reads = (): void => void readFileSync("/proc/version");
const child = (): void => void execFileSync("cat", ["/proc/version"]);
const sends = (): void => {
  using udp = new Udp();
  udp.send(7071);
};
/** Nobody listens there: the kernel looks for who does. */
const connects = (): Promise<void> =>
  new Promise((done) => {
    connect(7072, "127.0.0.1")
      .on("error", () => done())
      .on("connect", () => done());
  });
const inCgroup = (run: () => void) => (): void => {
  writeFileSync(`${CGROUP}/cgroup.procs`, String(process.pid));
  try {
    run();
  } finally {
    writeFileSync("/sys/fs/cgroup/cgroup.procs", String(process.pid));
  }
};
const cgroup = (): HookPlaces => ({ cgroup: CGROUP });
const namespace = (): HookPlaces => ({ netns: "/proc/self/ns/net" });
const loopback = (): HookPlaces => ({ interface: "lo" });
const received = (): Disposable => {
  receiver = new Udp(7071);
  return receiver;
};
// A descriptor is a number; the brand keeps others apart.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const atSocket = (): HookPlaces => ({ socket: receiver!.fd as unknown as Fd });

const ROWS: readonly Row[] = [
  { program: "cgroup_egress", hook: cgroup, fire: inCgroup(sends) },
  { program: "cgroup_sendmsg", hook: cgroup, fire: inCgroup(sends) },
  { program: "cgroup_socket", hook: cgroup, fire: inCgroup(sends) },
  {
    program: "cgroup_sysctl",
    hook: cgroup,
    fire: inCgroup(() => void readFileSync("/proc/sys/kernel/pid_max")),
  },
  {
    program: "cgroup_setsockopt",
    hook: cgroup,
    fire: inCgroup(() => {
      using udp = new Udp();
      setsockopt(udp.fd, SOL_SOCKET, SO_SNDBUF, [4096], 4);
    }),
  },
  { program: "cgroup_device", hook: cgroup, fire: inCgroup(() => void readFileSync("/dev/null")) },
  {
    program: "socket_events",
    hook: () => ({ cgroup: "/sys/fs/cgroup" }),
    fire: connects,
  },
  { program: "lsm_cgroup", hook: cgroup, fire: inCgroup(() => new Udp(7073)[Symbol.dispose]()) },
  { program: "lookup", hook: namespace, fire: connects },
  { program: "dissector", hook: namespace },
  { program: "packets", hook: () => ({ interface: "lo", xdpMode: "generic" }), fire: sends },
  { program: "filter", hook: loopback, fire: sends },
  { program: "tcx_ingress", hook: loopback, fire: sends },
  {
    program: "netkit_primary",
    hook: () => ({ interface: "primary0" }),
    prepare: netkit,
    fire: () => {
      using udp = new Udp();
      udp.send(7071, NEIGHBOUR);
    },
  },
  {
    program: "netfilter_input",
    hook: () => ({ netfilter: { family: "ipv4", hook: "input", priority: -10 } }),
    fire: sends,
  },
  { program: "socket_filter", hook: atSocket, fire: sends, prepare: received },
  { program: "reuseport", hook: atSocket, fire: sends, prepare: received },
  { program: "messages", hook: (object) => ({ sockmap: fdOf(object, "sockets") }) },
  { program: "infrared", hook: () => ({ lirc: "/dev/lirc0" }) },
  { program: "raw_tracepoint", fire: reads },
  { program: "function_entry", fire: reads },
  { program: "plain_kprobe", fire: reads },
  { program: "iterator" },
  { program: "kprobe_cookie", fire: reads, cookie: true },
  { program: "kretprobe_cookie", fire: reads, cookie: true },
  { program: "tracepoint_cookie", fire: reads, cookie: true },
  { program: "uprobe_cookie", fire: child, cookie: true },
  {
    program: "perf_event_cookie",
    hook: () => ({ frequency: 999 }),
    fire: spin,
    cookie: true,
  },
  { program: "kprobe_multi_cookie", hook: () => multi("kprobe-multi"), fire: reads, cookie: true },
  { program: "uprobe_multi_cookie", hook: () => multi("uprobe-multi"), fire: child, cookie: true },
  { program: "fentry_cookie", fire: reads, cookie: true },
  { program: "raw_tracepoint_cookie", fire: reads, cookie: true },
  { program: "typed_tracepoint_cookie", fire: reads, cookie: true },
];

function fdOf(object: BpfObject<Globals>, map: string): Fd {
  return object.map(map).fd;
}

function spin(): void {
  const end = performance.now() + 100;
  while (performance.now() < end);
}

function multi(kind: "kprobe-multi" | "uprobe-multi"): Hook {
  return kind === "kprobe-multi"
    ? { kind, functions: ["vfs_read"], mode: "entry", cookies: [COOKIE] }
    : { kind, path: "libc.so.6", functions: ["malloc"], mode: "entry", cookies: [COOKIE] };
}

function netkit(kernel: Kernel): Disposable {
  // Its peer is named nk0 by the kernel.
  addLink(kernel, { name: "primary0", kind: "netkit" });
  execFileSync("ifconfig", ["primary0", "10.9.9.1", "netmask", "255.255.255.0", "up"]);
  execFileSync("ifconfig", ["nk0", "up"]);
  return { [Symbol.dispose]: () => deleteLink(kernel, linkByName(kernel, "primary0").index) };
}

const openFiles = (): number => readdirSync("/proc/self/fd").length;
const tick = (): Promise<void> => new Promise((done) => void setTimeout(done, 20));

/** What the kernel says to something that not every hook can do. */
function attempt(run: () => void): string {
  try {
    run();
    return "yes";
  } catch (error) {
    if (error instanceof SyscallError) return error.errnoName;
    if (error instanceof BpfkitError) return error.code;
    throw error;
  }
}

function loadFor({ program }: Row): Promise<BpfObject<Globals>> {
  return load<Globals>(spec, { programs: { [program]: true } });
}

async function runs(object: BpfObject<Globals>, row: Row): Promise<boolean> {
  const before = object.globals.hits;
  await row.fire?.();
  return object.globals.hits > before;
}

function hookIn(object: BpfObject<Globals>, row: Row): Link {
  const given = row.hook?.(object) ?? {};
  const inHook = "kind" in given && "cookies" in given;
  return object.program(row.program).attach(given, row.cookie && !inHook ? { cookie: COOKIE } : {});
}

/** What came of one hook; `absent`: the kernel has none of the kind, and why. */
async function judge(row: Row): Promise<object> {
  const { program, fire, cookie } = row;
  await using object = await loadFor(row);
  using _prepared = row.prepare?.(object.kernel);
  const answer: Record<string, unknown> = { program };
  const fires = fire !== undefined;
  const link = hookIn(object, row);
  if (fires) answer["on"] = await runs(object, row);
  if (cookie) answer["cookie"] = object.globals.cookie === COOKIE;
  answer["pinned"] = attempt(() => link.pin(PIN));
  link[Symbol.dispose]();
  if (answer["pinned"] === "yes") {
    if (fires) answer["kept"] = await runs(object, row);
    await using other = await loadFor(row);
    using opened = await openLink(PIN);
    answer["updated"] = attempt(() => opened.update(other.program(program)));
    if (fires && answer["updated"] === "yes")
      answer["changed"] = (await runs(other, row)) && !(await runs(object, row));
    answer["detached"] = attempt(() => opened.detach());
    if (fires && answer["detached"] === "yes") answer["ended"] = !(await runs(other, row));
    rmSync(PIN);
  }
  await tick();
  if (fires) answer["off"] = !(await runs(object, row));
  return answer;
}

/** struct_ops: a congestion control is there while it is registered, and sockets use it. */
async function congestion(map: "plain" | "linked"): Promise<object> {
  const programs = { cc_init: true, cc_ssthresh: true, cc_avoid: true, cc_undo: true };
  const others = map === "plain" ? "linked" : "plain";
  await using object = await load<Globals>(spec, {
    programs,
    maps: { [map]: { create: true }, [others]: { create: false } },
  });
  const listed = (): boolean =>
    readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8").includes(`bpfkit_${map}`);
  const attached = object.attach();
  const on = listed();
  const CHOSEN = "/proc/sys/net/ipv4/tcp_congestion_control";
  const former = readFileSync(CHOSEN, "utf8");
  writeFileSync(CHOSEN, `bpfkit_${map}`);
  const used = await runs(object, { program: map, fire: converse });
  writeFileSync(CHOSEN, former);
  attached[Symbol.dispose]();
  await tick();
  return { program: map, on, used, off: !listed() };
}

/** A connection is made, used and closed. */
async function converse(): Promise<void> {
  const server = createServer((peer) => peer.end("x"));
  await new Promise<void>((done) => void server.listen(7074, "127.0.0.1", () => done()));
  await new Promise<void>(
    (done) =>
      void connect(7074, "127.0.0.1")
        .resume()
        .on("close", () => done()),
  );
  await new Promise<void>((done) => void server.close(() => done()));
}

mkdirSync(CGROUP, { recursive: true });
const jobs: readonly (readonly [string, () => Promise<object>])[] = [
  ...ROWS.map((row) => [row.program, () => judge(row)] as const),
  ["plain", () => congestion("plain")],
  ["linked", () => congestion("linked")],
];
for (const [program, job] of jobs) {
  if (names.length > 0 && !names.includes(program)) continue;
  // The first use opens what stays open.
  await connects();
  await tick();
  const before = openFiles();
  let answer: object;
  try {
    answer = await job();
  } catch (error) {
    rmSync(PIN, { force: true });
    answer = {
      program,
      absent: error instanceof BpfkitError ? error.message.split("\n")[0] : String(error),
      ...(!(error instanceof BpfkitError) && { untyped: true }),
    };
  }
  await tick();
  console.log(JSON.stringify({ ...answer, leaked: openFiles() - before }));
}
rmdirSync(CGROUP);

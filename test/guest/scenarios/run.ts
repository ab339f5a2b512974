import { expect } from "vitest";
import { toElf } from "../../../src/object/index.ts";
import { countingObject } from "../../attach/counting-object.ts";
import type { Guest } from "../guest.ts";
import { isSince } from "../scenario.ts";
import type { Scenario } from "../scenario.ts";
import { firedElements } from "./attach.ts";

interface PlaceRow {
  readonly section: string;
  /** What the program returns: "go on" of its kind. */
  readonly result: number;
  readonly since?: string;
}

/** Programs whose place the user gives. */
const ROWS: readonly PlaceRow[] = [
  { section: "xdp", result: 2 },
  { section: "tcx/ingress", result: 0, since: "6.6" },
  { section: "tcx/egress", result: 0, since: "6.6" },
  { section: "cgroup_skb/ingress", result: 1 },
  { section: "cgroup_skb/egress", result: 1 },
  { section: "cgroup/sock_create", result: 1 },
  { section: "cgroup/sock_release", result: 1 },
  { section: "cgroup/bind4", result: 1 },
  { section: "cgroup/post_bind4", result: 1 },
  { section: "cgroup/connect4", result: 1 },
  { section: "cgroup/sendmsg4", result: 1 },
  { section: "cgroup/recvmsg4", result: 1 },
  { section: "cgroup/getpeername4", result: 1 },
  { section: "cgroup/getsockname4", result: 1 },
  { section: "cgroup/setsockopt", result: 1 },
  { section: "cgroup/dev", result: 1 },
  { section: "cgroup/sysctl", result: 1 },
  { section: "sockops", result: 1 },
  { section: "sk_lookup", result: 1 },
  { section: "perf_event", result: 0 },
  { section: "netfilter", result: 1, since: "6.4" },
];

const CGROUP = "/sys/fs/cgroup/bpfkit-run";
/** A connection, datagrams, a device, a setting, and some CPU time, all inside of the cgroup. */
const LOAD = `
echo $$ > ${CGROUP}/cgroup.procs
cat /proc/sys/kernel/osrelease > /dev/null
node -e '
const server = require("net").createServer((socket) => socket.end()).listen(7070, "127.0.0.1", () => {
  const client = require("net").connect(7070, "127.0.0.1", () => client.setNoDelay(true).remoteAddress);
  client.on("close", () => server.close());
});
const udp = require("dgram").createSocket("udp4");
udp.on("message", () => udp.close()).bind(7071, "127.0.0.1", () => udp.send("x", 7071, "127.0.0.1"));
for (const end = Date.now() + 500; Date.now() < end;);
'
`;

export const running: readonly Scenario[] = [
  {
    name: "run attaches programs where it is told, and they fire",
    run: async (guest: Guest) => {
      const rows = ROWS.filter(({ since }) => isSince(guest, since));
      await guest.write("/tmp/places.bpf.o", toElf(countingObject(rows)));
      await guest.write("/tmp/load.sh", Buffer.from(LOAD));
      await guest.shell(`mkdir -p ${CGROUP} && ip link set lo up`);
      const { stdout, stderr, code } = await guest.run([
        ..."./bpfkit run /tmp/places.bpf.o -f json --dev lo --netns /proc/self/ns/net".split(" "),
        ...`--netfilter ipv4:input:5 --cgroup ${CGROUP}`.split(" "),
        "-c",
        "sh /tmp/load.sh",
      ]);
      expect(stderr).toContain(`Attached ${rows.length} programs`);
      expect(code).toBe(0);
      const fired = firedElements(stdout);
      expect(rows.filter((_, index) => !fired.has(index)).map(({ section }) => section)).toEqual([]);
      expect(await guest.shell("./bpfkit link show; ip link show lo | grep -c xdp || true")).toBe("0\n");
    },
  },
];

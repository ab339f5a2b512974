import { gitignore, packageJson, tsconfig, type ProjectFile, type ProjectRequest } from "./common-files.ts";

/** A C program that sends events, and TypeScript that reads them with the types of the C structs. */
export function cFiles(request: ProjectRequest): ProjectFile[] {
  const { name } = request;
  const object = `${name}.bpf.o`;
  return [
    packageJson(request, {
      bpf: `bpfkit cc src/${name}.bpf.c -o ${object} && bpfkit gen skeleton ${object} > src/${name}.skel.ts`,
      build: "npm run -s bpf && tsc",
      start: "npm run -s build && node dist/main.js",
      test: "npm run -s build && node --test dist/",
    }),
    tsconfig(),
    gitignore(["*.bpf.o", "*.skel.ts"]),
    { path: `src/${name}.bpf.c`, text: PROGRAM },
    { path: "src/main.ts", text: MAIN.replaceAll("NAME", name) },
    { path: "src/main.test.ts", text: TEST.replaceAll("NAME", name) },
    { path: "README.md", text: README.replaceAll("NAME", name) },
  ];
}

const PROGRAM = `// Every program that starts. vmlinux.h has the types of this machine's kernel.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

/* Only this user's programs; -1: everybody's. Set from TypeScript when the object is loaded. */
const volatile int only_uid = -1;

struct event {
	__u32 pid;
	__u32 uid;
	char comm[16];
};

/* Keeps the struct in the object, from where TypeScript has it. */
const struct event *unused_event __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 18);
} events SEC(".maps");

SEC("raw_tp/sched_process_exec")
int on_exec(void *ctx)
{
	__u32 uid = (__u32)bpf_get_current_uid_gid();
	struct event *event;

	if (only_uid >= 0 && uid != only_uid)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->uid = uid;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	return 0;
}
`;

const MAIN = `import { load } from "./NAME.skel.ts";

// Types come from the C program: change struct event there, and this file is checked against it.
await using object = await load({ globals: { only_uid: -1 } });
object.attach();
console.log("Waiting for programs to start; Ctrl-C ends it");

const stop = new AbortController();
process.once("SIGINT", () => stop.abort());
for await (const { pid, uid, comm } of object.maps.events.read({ signal: stop.signal }))
  console.log(\`\${comm} (process \${pid}, user \${uid})\`);
`;

const TEST = `import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event, Globals } from "./NAME.skel.ts";
import { load } from "./NAME.skel.ts";

// The kernel runs the program once, in this process and with no hook: loading takes root, attaching is not needed.
const skip = process.geteuid?.() === 0 ? false : "loading programs takes root";

test("a program that starts is reported", { skip }, async () => {
  const [event] = await eventsOf({});
  assert.equal(event?.pid, process.pid);
  assert.equal(event?.uid, process.geteuid?.());
  assert.match(event?.comm ?? "", /node/);
});

test("other users' programs are left out", { skip }, async () => {
  assert.deepEqual(await eventsOf({ only_uid: 12345 }), []);
});

async function eventsOf(globals: Partial<Globals>): Promise<Event[]> {
  using object = await load({ globals });
  object.programs.on_exec.testRun();
  using reader = object.maps.events.read();
  const events: Event[] = [];
  reader.poll((event) => void events.push(event));
  return events;
}
`;

const README = `# NAME

A BPF program in C, and TypeScript that loads it and reads what it sends.

\`\`\`sh
npm install
npm test          # compiles, loads into the kernel and runs the program once (as root)
sudo npm start    # attaches it; Ctrl-C ends it
\`\`\`

| file | |
|---|---|
| \`src/NAME.bpf.c\` | the program; \`bpfkit cc\` compiles it (clang 14 or later) |
| \`src/NAME.skel.ts\` | made of its object by \`bpfkit gen skeleton\`: the object itself, with types |
| \`src/main.ts\` | loads, attaches, reads |
| \`src/main.test.ts\` | tests, without a hook |

\`bpfkit run src/NAME.bpf.c\` tries the C program alone.
`;

import { BpfkitError } from "../../../errors.ts";
import { errnoMessage } from "../../../uapi/index.ts";
import type { TracedCommand } from "../../index.ts";
import type { Native } from "../native.ts";

/**
 * Stops itself and, let go, becomes the command. Node's own child_process cannot be used here: it waits for
 * its children, and would take the tracer's stops for their ends.
 */
const STOPPED = 'kill -STOP $$; exec "$0" "$@"';
const SHELL = "/bin/sh";

const SETSIGDEF = 4;
const SETSIGMASK = 8;
/** posix_spawnattr_t is 336 bytes in glibc and musl, posix_spawn_file_actions_t 80. */
const OPAQUE_SIZE = 512;
const STANDARD_FILES = [0, 1, 2] as const;
const SIGNAL_SET_SIZE = 128;

/** Starts a shell that stops itself before it becomes the command; returns its id. */
export function spawnStopped(native: Native, command: TracedCommand): number {
  const keep: Uint8Array[] = [];
  const text = (value: string): bigint => {
    const bytes = Buffer.from(`${value}\0`);
    keep.push(bytes);
    return native.address(bytes);
  };
  const pointers = (texts: readonly string[]): bigint => {
    const array = new Uint8Array(BigUint64Array.from([...texts.map(text), 0n]).buffer);
    keep.push(array);
    return native.address(array);
  };
  const environment = Object.entries(command.environment ?? process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const pid = new Int32Array(1);
  const opaque = [new Uint8Array(OPAQUE_SIZE), new Uint8Array(OPAQUE_SIZE)] as const;
  const attributes = native.address(opaque[0]);
  const files = native.address(opaque[1]);
  native.libc("posix_spawnattr_init")(attributes);
  native.libc("posix_spawn_file_actions_init")(files);
  try {
    // Node ignores SIGPIPE, which the command would inherit.
    native.libc("posix_spawnattr_setflags")(attributes, SETSIGDEF | SETSIGMASK);
    const all = new Uint8Array(SIGNAL_SET_SIZE).fill(0xff);
    const none = new Uint8Array(SIGNAL_SET_SIZE);
    native.libc("posix_spawnattr_setsigdefault")(attributes, native.address(all));
    native.libc("posix_spawnattr_setsigmask")(attributes, native.address(none));
    // Node marks the standard files as not to be inherited; dup2 onto itself takes the mark off in the child.
    for (const fd of STANDARD_FILES) native.libc("posix_spawn_file_actions_adddup2")(files, fd, fd);
    const errno = native.libc("posix_spawn")(
      native.address(new Uint8Array(pid.buffer)),
      text(SHELL),
      files,
      attributes,
      pointers([SHELL, "-c", STOPPED, command.path, ...command.args]),
      pointers(environment),
    );
    if (errno !== 0)
      throw new BpfkitError(`Cannot start ${SHELL}, which starts the command: ${errnoMessage(errno)}`, {
        code: "ptrace/no-shell",
        hints: ["Start the program yourself and trace it by its process id with -p PID"],
      });
  } finally {
    native.libc("posix_spawnattr_destroy")(attributes);
    native.libc("posix_spawn_file_actions_destroy")(files);
    keep.length = 0;
  }
  return pid[0]!;
}

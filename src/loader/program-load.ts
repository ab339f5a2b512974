import { SyscallError } from "../kernel/index.ts";
import type { BpfAttr, Fd, Kernel } from "../kernel/index.ts";
import type { ProgramSpec } from "../object/index.ts";
import { ERRNO } from "../uapi/index.ts";
import { VerifierError } from "./verifier-error.ts";

const FIRST_LOG = 256 * 1024;
/** Logs above this are refused by kernels before 5.2. */
const LARGEST_LOG = 16 * 1024 * 1024 - 1;
const RETRIES = 5;

/** The kernel did not take a program, for another reason than what its code does. */
export class ProgramLoadError extends SyscallError {
  override readonly name = "ProgramLoadError";
  /** ProgramSpec.name */
  readonly program: string;

  constructor(program: string, { call, errno, log, hints }: SyscallError) {
    super(call, errno, { log, hints });
    this.program = program;
  }
}

/**
 * PROG_LOAD; the log, which is slow to write, is asked for only once the program was rejected.
 * @throws VerifierError with the whole log, else ProgramLoadError
 */
export function loadProgram(
  kernel: Kernel,
  program: ProgramSpec,
  attr: BpfAttr["PROG_LOAD"],
  logLevel: number,
  btf?: Uint8Array,
): { readonly fd: Fd; readonly log: string } {
  if (logLevel === 0) {
    try {
      return { fd: loadPatiently(kernel, attr), log: "" };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if (error.errno === ERRNO.EPERM) throw new ProgramLoadError(program.name, error);
    }
  }
  return loadWithLog(kernel, program, attr, Math.max(1, logLevel), btf);
}

function loadWithLog(
  kernel: Kernel,
  program: ProgramSpec,
  attr: BpfAttr["PROG_LOAD"],
  level: number,
  btf: Uint8Array | undefined,
): { readonly fd: Fd; readonly log: string } {
  for (let size = FIRST_LOG; ; size = Math.min(size * 4, LARGEST_LOG)) {
    const log_buf = new Uint8Array(size);
    try {
      const fd = loadPatiently(kernel, { ...attr, log_buf, log_level: level });
      return { fd, log: Buffer.from(log_buf.subarray(0, Math.max(0, log_buf.indexOf(0)))).toString() };
    } catch (error) {
      if (!(error instanceof SyscallError)) throw error;
      if (error.errno === ERRNO.ENOSPC && size < LARGEST_LOG) continue;
      // Without a log the verifier was never reached, and with EAGAIN it was interrupted: the call itself is at fault.
      if (error.log === "" || error.errno === ERRNO.EAGAIN) throw new ProgramLoadError(program.name, error);
      throw new VerifierError(program, error.log, error, btf);
    }
  }
}

/** The verifier gives up with EAGAIN when a signal comes in. */
function loadPatiently(kernel: Kernel, attr: BpfAttr["PROG_LOAD"]): Fd {
  for (let tries = 1; ; tries++) {
    try {
      return kernel.bpf("PROG_LOAD", attr);
    } catch (error) {
      if (!(error instanceof SyscallError) || error.errno !== ERRNO.EAGAIN || tries >= RETRIES) throw error;
    }
  }
}

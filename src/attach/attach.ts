import type { LoadedProgram } from "../loader/index.ts";
import { attachCgroup } from "./cgroup.ts";
import type { AttachContext, Attacher } from "./context.ts";
import type { Hook } from "./hook.ts";
import { attachIterator } from "./iterator.ts";
import { attachKprobeMulti } from "./kprobe-multi.ts";
import { attachKprobe } from "./kprobe.ts";
import { attachKsyscall } from "./ksyscall.ts";
import type { Link } from "./link.ts";
import { attachLirc } from "./lirc.ts";
import { attachNetfilter } from "./netfilter.ts";
import { attachNetns } from "./netns.ts";
import { attachCounter, attachInterval, attachProfile } from "./perf-event.ts";
import { attachRawTracepoint } from "./raw-tracepoint.ts";
import { attachSocket } from "./socket.ts";
import { attachSockmap } from "./sockmap.ts";
import { attachTc } from "./tc.ts";
import { attachNetkit, attachTcx } from "./tcx.ts";
import { attachTracepoint } from "./tracepoint.ts";
import { attachFreplace, attachTrampoline, attachTyped } from "./trampoline.ts";
import { attachTypedMulti } from "./typed-multi.ts";
import { attachUprobeMulti } from "./uprobe-multi.ts";
import { attachUprobe } from "./uprobe.ts";
import { attachUsdt } from "./usdt.ts";
import { attachXdp } from "./xdp.ts";

const ATTACHERS: { readonly [K in Hook["kind"]]: Attacher<K> } = {
  tracepoint: attachTracepoint,
  rawtracepoint: attachRawTracepoint,
  kprobe: attachKprobe,
  "kprobe-multi": attachKprobeMulti,
  ksyscall: attachKsyscall,
  fentry: attachTrampoline,
  typed: attachTyped,
  "typed-multi": attachTypedMulti,
  freplace: attachFreplace,
  uprobe: attachUprobe,
  "uprobe-multi": attachUprobeMulti,
  usdt: attachUsdt,
  profile: attachProfile,
  interval: attachInterval,
  perf: attachCounter,
  iterator: attachIterator,
  cgroup: attachCgroup,
  netns: attachNetns,
  socket: attachSocket,
  sockmap: attachSockmap,
  xdp: attachXdp,
  tc: attachTc,
  tcx: attachTcx,
  netkit: attachNetkit,
  netfilter: attachNetfilter,
  lirc: attachLirc,
};

/**
 * Hooks a program in.
 * @throws AttachError with the cause and the way out; SyscallError for other refusals
 */
export function attach(context: AttachContext, program: LoadedProgram, hook: Hook): Link {
  // The row's parameter is the hook of its own kind, which an index by a union's key cannot say.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const attacher = ATTACHERS[hook.kind] as (
    context: AttachContext,
    program: LoadedProgram,
    hook: Hook,
  ) => Link;
  return attacher(context, program, hook);
}

import { BPF_ATTACH_TYPE, BPF_FD_TYPE, BPF_LINK_TYPE, BPF_PROG_TYPE, ERRNO } from "../../../uapi/index.ts";
import type { BpfAttr, Fd } from "../../index.ts";
import type { Hook } from "../events/index.ts";
import { Link } from "../events/link.ts";
import type { Attachment } from "../events/link.ts";
import { PerfEvent } from "../events/perf-event.ts";
import { EVERYTHING, ITERATOR_TARGETS, IteratorLink, IteratorReader } from "../iterators/index.ts";
import { KernelFailure, failure } from "../kernel-object.ts";
import { ENOTSUPP } from "../maps/index.ts";
import { iteratorTarget } from "../programs/attach-target.ts";
import { BpfProgram } from "../programs/program.ts";
import type { World } from "../world.ts";
import type { Commands } from "./command.ts";

const REPLACE = 4;

/** Links on interfaces, cgroups and network namespaces: their target is a number. */
const TARGET_LINKS: ReadonlyMap<number, number> = new Map([
  [BPF_PROG_TYPE.XDP, BPF_LINK_TYPE.XDP],
  [BPF_PROG_TYPE.SCHED_CLS, BPF_LINK_TYPE.TCX],
  [BPF_PROG_TYPE.FLOW_DISSECTOR, BPF_LINK_TYPE.NETNS],
  [BPF_PROG_TYPE.SK_LOOKUP, BPF_LINK_TYPE.NETNS],
  [BPF_PROG_TYPE.CGROUP_SKB, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.CGROUP_SOCK, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.CGROUP_SOCK_ADDR, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.CGROUP_DEVICE, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.CGROUP_SYSCTL, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.CGROUP_SOCKOPT, BPF_LINK_TYPE.CGROUP],
  [BPF_PROG_TYPE.SOCK_OPS, BPF_LINK_TYPE.CGROUP],
]);

export const linkCommands: Commands = {
  LINK_CREATE: (world, attr) => {
    const program = world.descriptors.get(attr.prog_fd, BpfProgram);
    if ((attr.flags ?? 0) !== 0) throw failure("EINVAL");
    const { attach_type, target_fd = 0 } = attr;
    if (attach_type === BPF_ATTACH_TYPE.PERF_EVENT) {
      const event = world.descriptors.find(target_fd, PerfEvent);
      if (!event) throw failure("EBADF");
      const cookie = attr["perf_event.bpf_cookie"] ?? 0n;
      return makeLink(world, program, event.hook(), BPF_LINK_TYPE.PERF_EVENT, attach_type, cookie);
    }
    if (program.type === BPF_PROG_TYPE.TRACING && program.attachType === BPF_ATTACH_TYPE.TRACE_ITER)
      return iteratorLink(world, program, attr);
    if (program.type === BPF_PROG_TYPE.TRACING || program.type === BPF_PROG_TYPE.LSM)
      return traceLink(world, program, attr["tracing.cookie"] ?? 0n);
    const type = TARGET_LINKS.get(program.type);
    if (type === undefined) throw failure("EINVAL");
    const hook = { kind: "target", attachType: attach_type, target: target_fd } as const;
    return makeLink(world, program, hook, type, attach_type, 0n);
  },

  RAW_TRACEPOINT_OPEN: (world, { name, prog_fd, cookie = 0n }) => {
    const program = world.descriptors.get(prog_fd, BpfProgram);
    if (program.type === BPF_PROG_TYPE.TRACING || program.type === BPF_PROG_TYPE.LSM) {
      if (name !== undefined) throw failure("EINVAL");
      return traceLink(world, program, cookie);
    }
    const raw =
      program.type === BPF_PROG_TYPE.RAW_TRACEPOINT || program.type === BPF_PROG_TYPE.RAW_TRACEPOINT_WRITABLE;
    if (!raw || name === undefined) throw failure("EINVAL");
    const hook = { kind: "rawtracepoint", event: name } as const;
    return makeLink(world, program, hook, BPF_LINK_TYPE.RAW_TRACEPOINT, 0, cookie);
  },

  LINK_UPDATE: (world, { link_fd, new_prog_fd, flags = 0, old_prog_fd }) => {
    if ((flags & ~REPLACE) !== 0) throw failure("EINVAL");
    const link = world.descriptors.get(link_fd, Link);
    const program = world.descriptors.get(new_prog_fd, BpfProgram);
    const { attachment } = link;
    // Only links of cgroups, interfaces, namespaces and iterators can be given another program.
    if (!attachment || !UPDATABLE.has(attachment.hook.kind)) throw failure("EINVAL");
    if ((flags & REPLACE) !== 0) {
      if (old_prog_fd === undefined) throw failure("EINVAL");
      if (world.descriptors.get(old_prog_fd, BpfProgram) !== attachment.program) throw failure("EPERM");
    } else if (old_prog_fd !== undefined) throw failure("EINVAL");
    if (program.type !== attachment.program.type) throw failure("EINVAL");
    if (link instanceof IteratorLink && !isForTheSame(program, attachment.program)) throw failure("EINVAL");
    attachment.program.release();
    attachment.program = program.hold();
  },

  LINK_DETACH: (world, { link_fd }) => {
    const link = world.descriptors.get(link_fd, Link);
    if (link.attachment && link.attachment.hook.kind !== "target") throw failure("EOPNOTSUPP");
    link.detach();
  },

  PROG_ATTACH: (world, { target_fd, attach_bpf_fd, attach_type }) => {
    const program = world.descriptors.get(attach_bpf_fd, BpfProgram);
    if (!TARGET_LINKS.has(program.type)) throw failure("EINVAL");
    world.attachments.attach(program, { kind: "target", attachType: attach_type, target: target_fd });
  },

  PROG_DETACH: (world, { target_fd, attach_bpf_fd, attach_type }) => {
    const program =
      attach_bpf_fd === undefined ? undefined : world.descriptors.get(attach_bpf_fd, BpfProgram);
    const attached = atTarget(world, target_fd, attach_type);
    const found = attached.find((attachment) => !program || attachment.program === program);
    if (!found) throw failure("ENOENT");
    found[Symbol.dispose]();
  },

  PROG_QUERY: (world, { target_fd, attach_type, prog_ids }) => {
    const ids = atTarget(world, target_fd, attach_type).map(({ program }) => program.id);
    const room = prog_ids ? Math.floor(prog_ids.length / 4) : 0;
    prog_ids?.set(new Uint8Array(Uint32Array.from(ids.slice(0, room)).buffer));
    if (prog_ids && ids.length > room) throw failure("ENOSPC");
    return { attach_flags: 0, prog_cnt: ids.length, revision: 0n };
  },

  TASK_FD_QUERY: (world, { pid, fd, buf, flags = 0 }) => {
    if (flags !== 0) throw failure("EINVAL");
    if (pid !== world.self.pid) throw failure("ENOENT");
    const object = world.descriptors.object(fd);
    const attachment = object instanceof Link ? object.attachment : undefined;
    const row = attachment && taskFd(attachment.hook);
    if (!attachment || !row) throw new KernelFailure(ENOTSUPP);
    const bytes = Buffer.from(`${row.name}\0`);
    if (buf && buf.length > 0) buf.set(bytes.subarray(0, buf.length));
    if (buf && buf.length > 0 && buf.length < bytes.length) throw new KernelFailure(ERRNO.ENOSPC);
    return {
      buf_len: bytes.length - 1,
      prog_id: attachment.program.id,
      fd_type: row.type,
      probe_offset: row.offset,
      probe_addr: 0n,
    };
  },

  ITER_CREATE: (world, { link_fd, flags = 0 }) => {
    if (flags !== 0) throw failure("EINVAL");
    const link = world.descriptors.get(link_fd, Link);
    const { attachment } = link;
    if (!(link instanceof IteratorLink) || !attachment) throw failure("EINVAL");
    return world.descriptors.open(new IteratorReader(world, attachment.program, link.target, link.scope));
  },
};

function makeLink(
  world: World,
  program: BpfProgram,
  hook: Hook,
  type: number,
  attachType: number,
  cookie: bigint,
): Fd {
  const attachment = world.attachments.attach(program, hook, cookie);
  const link = world.links.add(
    (id) => new Link(id, type, attachType, attachment, (gone) => world.links.remove(gone.id)),
  );
  return world.descriptors.open(link);
}

const UPDATABLE: ReadonlySet<Hook["kind"]> = new Set<Hook["kind"]>(["target", "iterator"]);

function isForTheSame(program: BpfProgram, other: BpfProgram): boolean {
  return (
    program.attachType === other.attachType && program.definition.attachBtfId === other.definition.attachBtfId
  );
}

/** bpf_iter_link_attach: what the program goes over is in its own type. */
function iteratorLink(world: World, program: BpfProgram, attr: BpfAttr["LINK_CREATE"]): Fd {
  const { attach_type, target_fd = 0, iter_info = new Uint8Array(0) } = attr;
  if (attach_type !== program.attachType || target_fd !== 0) throw failure("EINVAL");
  if (iter_info.subarray(ITERATOR_INFO).some((byte) => byte !== 0)) throw failure("E2BIG");
  const target = iteratorTarget(world, program.definition.attachBtfId);
  if (target === undefined) throw failure("ENOENT");
  const words = new Uint8Array(ITERATOR_INFO);
  words.set(iter_info.subarray(0, ITERATOR_INFO));
  const scope = ITERATOR_TARGETS[target].attach?.(world, [...new Uint32Array(words.buffer)]) ?? EVERYTHING;
  const attachment = world.attachments.attach(program, { kind: "iterator", target });
  const link = world.links.add(
    (id) => new IteratorLink(id, attachment, target, scope, (gone) => world.links.remove(gone.id)),
  );
  return world.descriptors.open(link);
}

/** sizeof(union bpf_iter_link_info). */
const ITERATOR_INFO = 16;

/** A tracing program knows its own target: the BTF type that it was loaded for. */
function traceLink(world: World, program: BpfProgram, cookie: bigint): Fd {
  const { attachType, attachBtfId } = program.definition;
  const types = world.kernelTypes();
  if (!types.has(attachBtfId)) throw failure("EINVAL");
  const name = types.name(attachBtfId);
  const event = name.replace(/^btf_trace_/, "");
  const hook: Hook =
    attachType === BPF_ATTACH_TYPE.TRACE_RAW_TP
      ? { kind: "rawtracepoint", event }
      : { kind: "tracing", attachType, target: name };
  return makeLink(world, program, hook, BPF_LINK_TYPE.TRACING, attachType, cookie);
}

function atTarget(world: World, target: number, attachType: number): Attachment[] {
  return world.attachments
    .all()
    .filter(({ hook }) => hook.kind === "target" && hook.target === target && hook.attachType === attachType);
}

function taskFd(
  hook: Hook,
): { readonly type: number; readonly name: string; readonly offset: bigint } | undefined {
  switch (hook.kind) {
    case "rawtracepoint":
      return { type: BPF_FD_TYPE.RAW_TRACEPOINT, name: hook.event, offset: 0n };
    case "tracepoint":
      return { type: BPF_FD_TYPE.TRACEPOINT, name: hook.event, offset: 0n };
    case "uprobe":
      return {
        type: hook.return ? BPF_FD_TYPE.URETPROBE : BPF_FD_TYPE.UPROBE,
        name: hook.path,
        offset: hook.offset,
      };
    case "kprobe":
      return {
        type: hook.return ? BPF_FD_TYPE.KRETPROBE : BPF_FD_TYPE.KPROBE,
        name: hook.function,
        offset: hook.offset,
      };
    default:
      return undefined;
  }
}

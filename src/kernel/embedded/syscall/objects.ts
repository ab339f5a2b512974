import { BPF_F } from "../../../uapi/index.ts";
import type { Fd } from "../../index.ts";
import { FULL_ACCESS } from "../descriptors.ts";
import { failure } from "../kernel-object.ts";
import type { KernelObject, Registry } from "../kernel-object.ts";
import { BpfMap } from "../maps/index.ts";
import { BtfObject } from "../programs/btf-object.ts";
import { BpfProgram } from "../programs/program.ts";
import { Link } from "../events/link.ts";
import type { World } from "../world.ts";
import type { Commands } from "./command.ts";

const MAX_PATH = 4096;

export const objectCommands: Commands = {
  PROG_GET_NEXT_ID: (world, { start_id }) => world.programs.next(start_id),
  MAP_GET_NEXT_ID: (world, { start_id }) => world.mapObjects.next(start_id),
  BTF_GET_NEXT_ID: (world, { start_id }) => world.btfs.next(start_id),
  LINK_GET_NEXT_ID: (world, { start_id }) => world.links.next(start_id),

  PROG_GET_FD_BY_ID: (world, { prog_id, open_flags = 0 }) => {
    if (open_flags !== 0) throw failure("EINVAL");
    return openById(world, world.programs, prog_id);
  },
  MAP_GET_FD_BY_ID: (world, { map_id, open_flags = 0 }) => {
    const access = accessOf(open_flags);
    return world.descriptors.open(byId(world.mapObjects, map_id), access);
  },
  BTF_GET_FD_BY_ID: (world, { btf_id }) => openById(world, world.btfs, btf_id),
  LINK_GET_FD_BY_ID: (world, { link_id }) => openById(world, world.links, link_id),

  // The virtual BPF file system: any path is in it, and directories need not be made.
  OBJ_PIN: (world, { pathname, bpf_fd, file_flags = 0 }) => {
    if (file_flags !== 0 || pathname.length >= MAX_PATH) throw failure("EINVAL");
    const object = world.descriptors.object(bpf_fd);
    const pinnable = [BpfMap, BpfProgram, Link].some((type) => object instanceof type);
    if (!pinnable || object instanceof BtfObject) throw failure("EINVAL");
    if (world.pins.has(pathname)) throw failure("EEXIST");
    world.pins.set(pathname, object.hold());
  },
  OBJ_GET: (world, { pathname, file_flags = 0 }) => {
    const object = world.pins.get(pathname);
    const access = accessOf(file_flags);
    if (!object) throw failure("ENOENT");
    return world.descriptors.open(object.hold(), access);
  },
};

function accessOf(flags: number): typeof FULL_ACCESS {
  const both = BPF_F.RDONLY | BPF_F.WRONLY;
  if ((flags & ~both) !== 0 || (flags & both) === both) throw failure("EINVAL");
  return { read: (flags & BPF_F.WRONLY) === 0, write: (flags & BPF_F.RDONLY) === 0 };
}

function byId<T extends KernelObject>(registry: Registry<T>, id: number): T {
  const object = registry.get(id);
  if (!object) throw failure("ENOENT");
  return object.hold();
}

function openById<T extends KernelObject>(world: World, registry: Registry<T>, id: number): Fd {
  return world.descriptors.open(byId(registry, id));
}

import { BPF_STATS } from "../../../uapi/index.ts";
import { OutOfMemoryError } from "../heap.ts";
import { KernelObject, failure } from "../kernel-object.ts";
import { BpfMap } from "../maps/index.ts";
import { BtfObject } from "../programs/btf-object.ts";
import { loadProgram } from "../programs/load.ts";
import { BpfProgram } from "../programs/program.ts";
import { testRun } from "../programs/test-run.ts";
import type { World } from "../world.ts";
import type { Commands } from "./command.ts";
import { BpfkitError } from "../../../errors.ts";

const MAX_BTF = 16 * 1024 * 1024;

export const programCommands: Commands = {
  PROG_LOAD: (world, attr) => {
    try {
      return world.descriptors.open(loadProgram(world, attr));
    } catch (error) {
      if (error instanceof OutOfMemoryError) throw failure("ENOMEM");
      throw error;
    }
  },

  BTF_LOAD: (world, { btf, btf_flags = 0 }) => {
    if (btf_flags !== 0) throw failure("EINVAL");
    if (btf.length > MAX_BTF) throw failure("E2BIG");
    const object = world.btfs.add(
      (id) => new BtfObject(id, btf.slice(), "", (gone) => world.btfs.remove(gone.id)),
    );
    try {
      checkBtf(object);
      return world.descriptors.open(object);
    } catch (error) {
      object.release();
      if (error instanceof BpfkitError) throw failure("EINVAL", `${error.message}\n`);
      throw error;
    }
  },

  PROG_TEST_RUN: (world, attr) => testRun(world, world.descriptors.get(attr.prog_fd, BpfProgram), attr),

  PROG_BIND_MAP: (world, { prog_fd, map_fd, flags = 0 }) => {
    if (flags !== 0) throw failure("EINVAL");
    const program = world.descriptors.get(prog_fd, BpfProgram);
    const map = world.descriptors.get(map_fd, BpfMap);
    if (!program.maps.includes(map)) program.bound.push(map.hold());
  },

  ENABLE_STATS: (world, { type }) => {
    if (type !== BPF_STATS.RUN_TIME) throw failure("EINVAL");
    return world.descriptors.open(new StatsUser(world));
  },
};

/** Every type is read once: later readers meet no surprise. */
function checkBtf(object: BtfObject): void {
  const types = object.types();
  for (let id = 1; id < types.typeCount; id++) {
    types.name(id);
    types.eachReference(id, (target) => {
      if (!types.has(target))
        throw failure("EINVAL", `[${id}] refers to type ${target}, which is not there\n`);
    });
  }
}

/** Programs are counted and timed as long as a descriptor of this is open. */
class StatsUser extends KernelObject {
  readonly kind = "stats";
  readonly #world: World;

  constructor(world: World) {
    super();
    this.#world = world;
    world.statsUsers++;
  }

  protected free(): void {
    this.#world.statsUsers--;
  }
}

import type { Link } from "../events/link.ts";
import type { KernelObject, Registry } from "../kernel-object.ts";
import type { BpfMap } from "../maps/index.ts";
import type { BpfProgram } from "../programs/program.ts";
import { BlockLayout, StructBlock } from "../types/index.ts";
import type { World } from "../world.ts";
import type { Cursor } from "./target.ts";

/** Maps, programs and links by their ids (kernel/bpf/{map,prog,link}_iter.c). */
export function idCursor<T extends KernelObject>(
  world: World,
  registry: Registry<T>,
  parts: readonly string[],
  fill: (object: T, block: StructBlock) => void,
): Cursor {
  const layout = new BlockLayout(world.structs, parts);
  let id = 0;
  return {
    current: () => {
      const found = registry.next(id);
      const object = found === undefined ? undefined : registry.get(found);
      if (found === undefined || !object) return undefined;
      id = found - 1;
      const block = new StructBlock(
        world.memory,
        layout,
        world.memory.allocateShared(layout.size, "readonly"),
      );
      fill(object, block);
      return {
        args: [world.memory.pointer(block.address)],
        [Symbol.dispose]: () => world.memory.free(block.address),
      };
    },
    advance: () => void id++,
  };
}

export function fillMap(map: BpfMap, block: StructBlock): void {
  const { type, keySize, valueSize, maxEntries, flags, extra, name } = map.definition;
  const members = {
    map_type: type,
    key_size: keySize,
    value_size: valueSize,
    max_entries: maxEntries,
    map_flags: flags,
    map_extra: extra,
    id: map.id,
    "refcnt.counter": map.references,
  };
  for (const [member, value] of Object.entries(members)) block.set("bpf_map", member, value);
  block.text("bpf_map", "name", name);
}

export const PROGRAM_PARTS: readonly string[] = ["bpf_prog", "bpf_prog_aux"];

export function fillProgram(program: BpfProgram, block: StructBlock): void {
  const { definition } = program;
  block.set("bpf_prog", "type", program.type);
  block.set("bpf_prog", "expected_attach_type", program.attachType);
  block.set("bpf_prog", "len", definition.xlated.length);
  block.bytes("bpf_prog", "tag", definition.tag());
  block.point("bpf_prog", "aux", block.at("bpf_prog_aux"));
  const members = {
    "refcnt.counter": program.references,
    used_map_cnt: program.maps.length,
    attach_btf_id: definition.attachBtfId,
    id: program.id,
    load_time: definition.loadTime,
    verified_insns: definition.xlated.length,
  };
  for (const [member, value] of Object.entries(members)) block.set("bpf_prog_aux", member, value);
  block.text("bpf_prog_aux", "name", definition.name);
}

export const LINK_PARTS: readonly string[] = ["bpf_link", ...PROGRAM_PARTS];

export function fillLink(link: Link, block: StructBlock): void {
  const program = link.attachment?.program;
  block.set("bpf_link", "refcnt.counter", link.references);
  block.set("bpf_link", "id", link.id);
  block.set("bpf_link", "type", link.type);
  if (!program) return;
  block.point("bpf_link", "prog", block.at("bpf_prog"));
  fillProgram(program, block);
}

import { failure } from "../kernel-object.ts";
import { BpfMap } from "../maps/index.ts";
import { ProcessObject } from "../process-object.ts";
import type { World } from "../world.ts";
import { elementCursor, hasElementIterator } from "./element-cursors.ts";
import { LINK_PARTS, PROGRAM_PARTS, fillLink, fillMap, fillProgram, idCursor } from "./object-cursors.ts";
import { EVERYTHING } from "./target.ts";
import type { IteratorScope, IteratorTargets } from "./target.ts";
import { fileCursor, mappingCursor, taskCursor } from "./task-cursors.ts";

/** What iterators go over. */
export const ITERATOR_TARGETS: IteratorTargets = {
  bpf_map: { open: (world) => idCursor(world, world.mapObjects, ["bpf_map"], fillMap) },
  bpf_prog: { open: (world) => idCursor(world, world.programs, PROGRAM_PARTS, fillProgram) },
  bpf_link: { open: (world) => idCursor(world, world.links, LINK_PARTS, fillLink) },
  bpf_map_elem: {
    attach: attachMap,
    open: (world, scope) => {
      if (scope.kind !== "map") throw failure("EINVAL");
      return elementCursor(world, scope.map);
    },
  },
  task: { attach: attachTask, open: taskCursor },
  task_file: { attach: attachTask, open: fileCursor },
  task_vma: { attach: attachTask, open: mappingCursor },
};

/** bpf_iter_attach_map: the map's descriptor comes first. */
function attachMap(world: World, [fd = 0]: readonly number[]): IteratorScope {
  if (fd === 0) throw failure("EBADF");
  const map = world.descriptors.get(fd, BpfMap);
  if (!hasElementIterator(map)) throw failure("EINVAL");
  return { kind: "map", map: map.hold() };
}

/** bpf_iter_attach_task: a thread, a process, or a descriptor of one. */
function attachTask(world: World, [tid = 0, pid = 0, fd = 0]: readonly number[]): IteratorScope {
  if ([tid, pid, fd].filter((word) => word !== 0).length > 1) throw failure("EINVAL");
  if (tid !== 0) return { kind: "thread", pid: tid };
  if (pid !== 0) return { kind: "process", pid };
  if (fd === 0) return EVERYTHING;
  const process = world.descriptors.find(fd, ProcessObject);
  if (!process) throw failure("EBADF");
  return { kind: "process", pid: process.task.pid };
}

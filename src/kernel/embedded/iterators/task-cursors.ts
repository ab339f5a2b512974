import type { Task } from "../events/index.ts";
import type { OpenFile } from "../processes/proc-belongings.ts";
import { BlockLayout, StructBlock } from "../types/index.ts";
import type { World } from "../world.ts";
import { listCursor } from "./target.ts";
import type { Cursor, Item, IteratorScope } from "./target.ts";

// Tasks, their files and their mappings (kernel/bpf/task_iter.c), as far as the event source knows them.

const FILE_PARTS = ["file", "inode", "super_block", "dentry"] as const;

/** Threads in the order of their ids. */
export function taskCursor(world: World, scope: IteratorScope): Cursor {
  return listCursor(threadsOf(world, scope), (pid) => {
    const task = world.task(pid);
    return task && task.address !== 0 ? borrowed([world.memory.pointer(task.address)]) : undefined;
  });
}

/** Open files of processes: threads share them. */
export function fileCursor(world: World, scope: IteratorScope): Cursor {
  return belongings(world, scope, (task) => {
    const files = world.facts.files?.(task.pid) ?? [];
    return files.map((file) => () => {
      const image = fileImage(world, file);
      return {
        args: [world.memory.pointer(task.address), BigInt(file.fd), world.memory.pointer(image.address)],
        [Symbol.dispose]: () => image[Symbol.dispose](),
      };
    });
  });
}

/** Mappings of processes. */
export function mappingCursor(world: World, scope: IteratorScope): Cursor {
  const layout = new BlockLayout(world.structs, ["vm_area_struct"]);
  return belongings(world, scope, (task) => {
    const mappings = world.facts.mappings?.(task.pid) ?? [];
    return mappings.map((mapping) => () => {
      const { memory } = world;
      const block = new StructBlock(memory, layout, memory.allocateShared(layout.size, "readonly"));
      const image = mapping.file && fileImage(world, mapping.file);
      const set = (member: string, value: bigint): void => block.set("vm_area_struct", member, value);
      set("vm_start", mapping.start);
      set("vm_end", mapping.end);
      set("vm_flags", mapping.flags);
      set("vm_pgoff", mapping.offset / PAGE_SIZE);
      block.point("vm_area_struct", "vm_file", image?.address ?? 0);
      return {
        args: [task.address, block.address].map((address) => memory.pointer(address)),
        [Symbol.dispose]: () => {
          image?.[Symbol.dispose]();
          memory.free(block.address);
        },
      };
    });
  });
}

const PAGE_SIZE = 4096n;

function threadsOf(world: World, scope: IteratorScope): readonly number[] {
  const threads = world.threads();
  if (scope.kind === "thread") return threads.filter((pid) => pid === scope.pid);
  if (scope.kind === "process") return threads.filter((pid) => world.task(pid)?.tgid === scope.pid);
  return threads;
}

function borrowed(args: readonly bigint[]): Item {
  return { args, [Symbol.dispose]: () => undefined };
}

/** What processes have, one process after the other; each is looked at when its turn comes. */
function belongings(world: World, scope: IteratorScope, of: (task: Task) => readonly (() => Item)[]): Cursor {
  // Of a thread that is asked for itself, too.
  const pids = threadsOf(world, scope).filter(
    (pid) => scope.kind === "thread" || world.task(pid)?.tgid === pid,
  );
  let process = 0;
  let position = 0;
  let items: readonly (() => Item)[] | undefined;
  return {
    current: () => {
      for (; process < pids.length; process++, position = 0, items = undefined) {
        const task = world.task(pids[process]!);
        items ??= task && task.address !== 0 ? of(task) : [];
        if (position < items.length) return items[position]!();
      }
      return undefined;
    },
    advance: () => void position++,
  };
}

/** A struct file and what it leads to. */
function fileImage(world: World, file: OpenFile): Disposable & { readonly address: number } {
  const { memory, structs, paths } = world;
  const layout = new BlockLayout(structs, FILE_PARTS);
  const block = new StructBlock(memory, layout, memory.allocateShared(layout.size, "readonly"));
  const name = Buffer.from(`${file.path.split("/").at(-1)!}\0`);
  const text = memory.store(name);
  const members: readonly (readonly [part: string, member: string, value: number | bigint])[] = [
    ["file", "f_flags", file.flags],
    ["file", "f_pos", file.position],
    ["inode", "i_mode", file.mode],
    ["inode", "i_uid.val", file.uid],
    ["inode", "i_gid.val", file.gid],
    ["inode", "i_rdev", file.specialDevice],
    ["inode", "i_ino", file.inode],
    ["inode", "i_size", file.size],
    ["super_block", "s_dev", file.device],
    ["dentry", "d_name.len", name.length - 1],
  ];
  for (const [part, member, value] of members) block.set(part, member, value);
  block.point("file", "f_inode", block.at("inode"));
  block.point("file", "f_path.dentry", block.at("dentry"));
  block.point("inode", "i_sb", block.at("super_block"));
  block.point("dentry", "d_name.name", text);
  block.point("dentry", "d_inode", block.at("inode"));
  const path = block.at("file") + (structs.member("file", "f_path")?.offset ?? 0);
  paths.set(path, file.path);
  return {
    address: block.at("file"),
    [Symbol.dispose]: () => {
      paths.delete(path);
      memory.free(text);
      memory.free(block.address);
    },
  };
}

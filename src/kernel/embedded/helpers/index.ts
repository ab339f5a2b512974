import type { Helpers } from "../vm/index.ts";
import type { World } from "../world.ts";
import { dynptrHelpers } from "./dynptr.ts";
import { hookHelpers } from "./hook.ts";
import { kfuncRows } from "./kfunc.ts";
import { loopHelpers } from "./loop.ts";
import { mapHelpers } from "./map.ts";
import { memoryHelpers } from "./memory.ts";
import { outputHelpers } from "./output.ts";
import { packetHelpers } from "./packet.ts";
import { seqHelpers } from "./seq.ts";
import { socketHelpers } from "./socket.ts";
import { taskHelpers } from "./task.ts";
import { timeHelpers } from "./time.ts";
import { timerHelpers } from "./timer.ts";
import { xdpHelpers } from "./xdp.ts";

/** Every helper of the embedded kernel, by its number. */
export function createHelperTable(world: World): Helpers {
  return new Map([
    ...mapHelpers(world),
    ...memoryHelpers(world),
    ...taskHelpers(world),
    ...timeHelpers(world),
    ...timerHelpers(world),
    ...outputHelpers(world),
    ...seqHelpers(world),
    ...loopHelpers(world),
    ...dynptrHelpers(world),
    ...packetHelpers(world),
    ...xdpHelpers(world),
    ...socketHelpers(world),
    ...hookHelpers(world),
    ...kfuncRows(world),
  ]);
}

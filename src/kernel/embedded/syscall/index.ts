import type { Commands } from "./command.ts";
import { batchCommands } from "./batches.ts";
import { linkCommands } from "./links.ts";
import { mapCommands } from "./maps.ts";
import { objectCommands } from "./objects.ts";
import { programCommands } from "./programs.ts";

export { objectInfo } from "./info.ts";

/** Every command of bpf(2) that the embedded kernel has; what is not here answers EINVAL, as an older kernel would. */
export const COMMANDS: Commands = {
  ...mapCommands,
  ...batchCommands,
  ...objectCommands,
  ...programCommands,
  ...linkCommands,
};

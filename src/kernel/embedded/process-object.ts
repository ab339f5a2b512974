import type { Task } from "./events/task.ts";
import { KernelObject } from "./kernel-object.ts";

/** A process behind a descriptor (pidfd). */
export class ProcessObject extends KernelObject {
  readonly kind = "process";
  readonly task: Task;

  constructor(task: Task) {
    super();
    this.task = task;
  }

  protected free(): void {
    // Nothing is held for it.
  }
}

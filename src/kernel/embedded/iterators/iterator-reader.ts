import { KernelFailure, KernelObject } from "../kernel-object.ts";
import type { BpfProgram } from "../programs/program.ts";
import { BlockLayout, StructBlock } from "../types/index.ts";
import { ERRNO } from "../../../uapi/index.ts";
import type { World } from "../world.ts";
import { ITERATOR_ARGUMENTS } from "./arguments.ts";
import type { IteratorTargetName } from "./arguments.ts";
import { SeqFile } from "./seq-file.ts";
import { heldBy } from "./target.ts";
import type { Cursor, Item, IteratorScope } from "./target.ts";
import { ITERATOR_TARGETS } from "./targets.ts";

/** MAX_ITER_OBJECTS. */
const MOST_OBJECTS = 1_000_000;

/** What is read from an iterator: its program runs for one object after the other, as far as bytes are asked for. */
export class IteratorReader extends KernelObject {
  readonly kind = "iterator";
  readonly #world: World;
  readonly #program: BpfProgram;
  readonly #held: KernelObject | undefined;
  readonly #cursor: Cursor;
  readonly #arguments: number;
  readonly #meta: StructBlock;
  readonly #file: SeqFile;
  /** Address of the program's context. */
  readonly #context: number;
  #sequence = 0n;
  /** The program was told of the end. */
  #ended = false;

  constructor(world: World, program: BpfProgram, target: IteratorTargetName, scope: IteratorScope) {
    super();
    const { memory } = world;
    this.#world = world;
    this.#cursor = ITERATOR_TARGETS[target].open(world, scope);
    this.#arguments = ITERATOR_ARGUMENTS[target].length;
    const layout = new BlockLayout(world.structs, ["bpf_iter_meta", "seq_file"]);
    this.#meta = new StructBlock(memory, layout, memory.allocateShared(layout.size, "readonly"));
    this.#file = new SeqFile(this.#meta.at("seq_file"));
    this.#context = memory.allocateShared(this.#arguments * 8, "readonly");
    this.#meta.point("bpf_iter_meta", "seq", this.#file.address);
    this.#meta.set("bpf_iter_meta", "session_id", world.nextSession());
    this.#program = program.hold();
    this.#held = heldBy(scope)?.hold();
  }

  /** bpf_seq_read. @throws KernelFailure; BpfkitError where the program goes wrong */
  read(out: Uint8Array): number {
    if (this.#file.count === 0) {
      this.#file.reset();
      this.#fill(out.length);
    }
    return this.#file.take(out);
  }

  #fill(room: number): void {
    const file = this.#file;
    using first = this.#cursor.current();
    if (!first) return this.#end();
    this.#show(first);
    for (let objects = 1; ; objects++) {
      this.#cursor.advance();
      using item = this.#cursor.current();
      if (!item) return this.#end();
      this.#sequence++;
      if (file.count >= room) return;
      if (objects >= MOST_OBJECTS) {
        if (file.count === 0) throw new KernelFailure(ERRNO.EAGAIN);
        return;
      }
      if (!this.#show(item)) return;
    }
  }

  /** False where it is shown again with the next read. @throws KernelFailure where nothing was written before */
  #show(item: Item): boolean {
    const before = this.#file.count;
    const wrong = this.#run(item.args) === 0n ? 0 : ERRNO.EAGAIN;
    if (wrong === 0 && !this.#file.overflowed) return true;
    this.#file.reset(before);
    if (before === 0) throw new KernelFailure(wrong || ERRNO.E2BIG);
    return false;
  }

  /** The program is called once more, without an object; what it answers does not count. */
  #end(): void {
    if (this.#ended) return;
    const before = this.#file.count;
    this.#run([]);
    this.#ended = !this.#file.overflowed;
    if (this.#ended) return;
    this.#file.reset(before);
    if (before === 0) throw new KernelFailure(ERRNO.E2BIG);
  }

  #run(args: readonly bigint[]): bigint {
    const { memory, self } = this.#world;
    this.#meta.set("bpf_iter_meta", "seq_num", this.#sequence);
    const values = [memory.pointer(this.#meta.address), ...args];
    for (let index = 0; index < this.#arguments; index++)
      memory.setU64(this.#context + index * 8, values[index] ?? 0n);
    return this.#world.execute({
      program: this.#program,
      task: self,
      cpu: 0,
      context: this.#context,
      output: this.#file,
    });
  }

  protected free(): void {
    const { memory } = this.#world;
    memory.free(this.#context);
    memory.free(this.#meta.address);
    this.#program.release();
    this.#held?.release();
  }
}

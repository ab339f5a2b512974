import { BPF_EXIST, BPF_NOEXIST, ERRNO } from "../../../uapi/index.ts";
import { OutOfMemoryError, roundUp } from "../heap.ts";
import { HEADER_SIZE } from "./layout.ts";
import { BpfMap } from "./map.ts";

/** struct bpf_lpm_trie_key: u32 prefixlen in front of the data, whose first bit is the highest of its first byte. */
const DATA = 4;

/** A node; one without a value only branches. */
interface Node {
  readonly prefix: number;
  readonly data: Uint8Array;
  /** Of key and value in memory, if it has them. */
  block: number | undefined;
  readonly children: [Node | undefined, Node | undefined];
}

/** kernel/bpf/lpm_trie.c: the longest prefix of a key. */
export class LpmTrie extends BpfMap {
  #root: Node | undefined;
  #count = 0;

  override get givesValues(): boolean {
    return true;
  }

  override lookup(key: number): number {
    const prefix = this.memory.u32(key);
    if (prefix > this.#maxPrefix) return 0;
    const data = this.#data(key);
    let found: Node | undefined;
    for (let node = this.#root; node;) {
      if (commonBits(node, data, prefix) < node.prefix) break;
      if (node.block !== undefined) found = node;
      if (node.prefix >= this.#maxPrefix) break;
      node = node.children[bitAt(data, node.prefix)];
    }
    return found?.block === undefined ? 0 : found.block + this.#valueOffset;
  }

  override update(key: number, value: number, flags: number): number {
    if (flags > BPF_EXIST) return -ERRNO.EINVAL;
    const prefix = this.memory.u32(key);
    if (prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const data = this.#data(key).slice();
    const [parent, side] = this.#slotOf(data, prefix);
    const known = parent ? parent.children[side] : this.#root;
    const exact =
      known && known.prefix === prefix && commonBits(known, data, prefix) === prefix ? known : undefined;
    const exists = exact?.block !== undefined;
    if (exists && flags === BPF_NOEXIST) return -ERRNO.EEXIST;
    if (!exists && flags === BPF_EXIST) return -ERRNO.ENOENT;
    if (!exists && this.#count === this.definition.maxEntries) return -ERRNO.ENOSPC;
    try {
      if (exact) exact.block ??= this.#newBlock(key);
      else
        this.#insert(parent, side, {
          prefix,
          data,
          block: this.#newBlock(key),
          children: [undefined, undefined],
        });
      const block = exact?.block ?? this.#exact(data, prefix)!.block!;
      const { keySize, valueSize } = this.definition;
      // An element that is there already takes the new key's bits behind the prefix, too.
      this.memory.copy(block, key, keySize);
      this.memory.copy(block + this.#valueOffset, value, valueSize);
    } catch (error) {
      if (error instanceof OutOfMemoryError) return -ERRNO.ENOMEM;
      throw error;
    }
    return 0;
  }

  override remove(key: number): number {
    const prefix = this.memory.u32(key);
    if (prefix > this.#maxPrefix) return -ERRNO.EINVAL;
    const node = this.#exact(this.#data(key), prefix);
    if (node?.block === undefined) return -ERRNO.ENOENT;
    this.memory.free(node.block);
    node.block = undefined;
    this.#count--;
    this.#root = pruned(this.#root, node);
    return 0;
  }

  /** Post-order: more specific prefixes come first; a key that is not there begins the walk anew. */
  override next(key: number | undefined): number {
    const blocks = [...postOrder(this.#root)];
    if (blocks.length === 0) return -ERRNO.ENOENT;
    const known = key === undefined ? undefined : this.#known(key);
    const index = known === undefined ? 0 : blocks.indexOf(known) + 1;
    return blocks[index] ?? 0;
  }

  protected override memoryUsed(): number {
    return HEADER_SIZE + this.#count * (this.#valueOffset + this.definition.valueSize);
  }

  protected override dispose(): void {
    for (const block of postOrder(this.#root)) this.memory.free(block);
    this.#root = undefined;
  }

  get #maxPrefix(): number {
    return (this.definition.keySize - DATA) * 8;
  }

  get #valueOffset(): number {
    return roundUp(this.definition.keySize, 8);
  }

  #data(key: number): Uint8Array {
    return this.memory.slice(key + DATA, this.definition.keySize - DATA);
  }

  #known(key: number): number | undefined {
    const prefix = this.memory.u32(key);
    return prefix > this.#maxPrefix ? undefined : this.#exact(this.#data(key), prefix)?.block;
  }

  #newBlock(key: number): number {
    const { keySize, valueSize } = this.definition;
    const block = this.memory.allocate(this.#valueOffset + valueSize);
    this.memory.shadow?.mark(block + this.#valueOffset, valueSize, this.sharedAs);
    this.memory.copy(block, key, keySize);
    this.#count++;
    return block;
  }

  #exact(data: Uint8Array, prefix: number): Node | undefined {
    const [parent, side] = this.#slotOf(data, prefix);
    const node = parent ? parent.children[side] : this.#root;
    return node && node.prefix === prefix && commonBits(node, data, prefix) === prefix ? node : undefined;
  }

  /** The deepest node that a prefix lies below, and on which side. */
  #slotOf(data: Uint8Array, prefix: number): [Node | undefined, 0 | 1] {
    let parent: Node | undefined;
    let side: 0 | 1 = 0;
    for (let node = this.#root; node && node.prefix < prefix; node = node.children[side]) {
      if (commonBits(node, data, prefix) < node.prefix) break;
      parent = node;
      side = bitAt(data, node.prefix);
    }
    return [parent, side];
  }

  #insert(parent: Node | undefined, side: 0 | 1, node: Node): void {
    const other = parent ? parent.children[side] : this.#root;
    let top = node;
    if (other) {
      const common = commonBits(other, node.data, node.prefix);
      if (common === node.prefix) node.children[bitAt(other.data, node.prefix)] = other;
      else {
        top = { prefix: common, data: node.data, block: undefined, children: [undefined, undefined] };
        top.children[bitAt(node.data, common)] = node;
        top.children[bitAt(other.data, common)] = other;
      }
    }
    if (parent) parent.children[side] = top;
    else this.#root = top;
  }
}

function bitAt(data: Uint8Array, index: number): 0 | 1 {
  return ((data[index >>> 3]! >>> (7 - (index & 7))) & 1) === 0 ? 0 : 1;
}

/** How many leading bits a node's prefix and another share, at most the shorter one's. */
function commonBits(node: Node, data: Uint8Array, prefix: number): number {
  const limit = Math.min(node.prefix, prefix);
  for (let bit = 0; bit < limit; bit++) {
    if ((bit & 7) === 0 && limit - bit >= 8 && node.data[bit >>> 3] === data[bit >>> 3]) bit += 7;
    else if (bitAt(node.data, bit) !== bitAt(data, bit)) return bit;
  }
  return limit;
}

/** The tree without a node that has no value any more and branches nothing; depth is at most the key's bits. */
function pruned(root: Node | undefined, gone: Node): Node | undefined {
  if (!root) return undefined;
  if (root !== gone) {
    const side = bitAt(gone.data, root.prefix);
    root.children[side] = pruned(root.children[side], gone);
  }
  if (root.block !== undefined) return root;
  const [left, right] = root.children;
  return left && right ? root : (left ?? right);
}

function* postOrder(root: Node | undefined): Generator<number> {
  if (!root) return;
  yield* postOrder(root.children[0]);
  yield* postOrder(root.children[1]);
  if (root.block !== undefined) yield root.block;
}

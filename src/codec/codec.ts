import type { Memory } from "../util/index.ts";
import { memoryOf } from "../util/index.ts";
import { CodecError } from "./error.ts";
import { generateCodec } from "./generate.ts";
import * as runtime from "./runtime.ts";
import type { Shape } from "./shape.ts";

/**
 * What may be written where a `T` is read: members that are left out are zero, as in a C initialiser (so a
 * union takes one of its members) and a struct may be given as its raw bytes; 64-bit integers may be plain
 * numbers, bytes and texts of each other's kind.
 */
export type Input<T> = unknown extends T
  ? unknown
  : T extends bigint
    ? bigint | number
    : T extends string | Uint8Array
      ? string | Uint8Array
      : T extends number | boolean
        ? T
        : T extends readonly (infer Element)[]
          ? readonly Input<Element>[]
          : Uint8Array | { readonly [Name in keyof T]?: Input<T[Name]> };

/** Bytes to values and back, for one C type. */
export interface Codec<T> {
  readonly shape: Shape;
  /** Bytes. */
  readonly size: number;
  /**
   * Fewer bytes than these are no value. Smaller than `size` where the last member is an array: what programs
   * send of it may be cut.
   */
  readonly minimumSize: number;
  /**
   * Reads a value at `offset`; `end` is where its bytes end, at least `offset + minimumSize`. An array at the
   * end of a struct has the elements that lie in front of `end`, also when C says it has none (`char data[]`).
   */
  decode(memory: Memory, offset: number, end: number): T;
  /** Reads a value that is all of `bytes`. @throws CodecError if they are too few */
  read(bytes: Uint8Array): T;
  /** Writes a value into `memory`, where `size` bytes are its own; every byte is set. @throws CodecError */
  encode(memory: Memory, offset: number, value: Input<T>): void;
  /** A value's bytes. @throws CodecError for what the type cannot hold */
  write(value: Input<T>): Uint8Array;
}

type Decode<T> = (memory: Memory, offset: number, end: number) => T;
type Encode = (memory: Memory, offset: number, value: unknown, name: string) => void;

/**
 * Makes the codec of a shape: its functions are generated as JavaScript source with every offset a constant.
 * `name` says in errors what the value is: `counts key`.
 * @throws CodecError `codec/no-code-generation` where Node forbids generated code
 *
 * @example
 * ```ts
 * import { compileCodec } from "bpfkit";
 * import type { Shape } from "bpfkit";
 *
 * const u16: Shape = { kind: "int", size: 2, signed: false };
 * const port: Shape = {
 *   kind: "struct",
 *   name: "port",
 *   size: 4,
 *   fields: [
 *     { name: "from", offset: 0, shape: u16 },
 *     { name: "to", offset: 2, shape: u16 },
 *   ],
 * };
 * const codec = compileCodec<{ from: number; to: number }>(port, "port");
 * console.log(codec.write({ from: 1, to: 258 }), codec.read(Uint8Array.of(1, 0, 2, 1)));
 * // prints Uint8Array(4) [ 1, 0, 2, 1 ] { from: 1, to: 258 }
 * ```
 */
export function compileCodec<T>(shape: Shape, name: string): Codec<T> {
  const { source, minimumSize } = generateCodec(shape);
  const { decode, encode } = build<T>(source);
  const { size } = shape;
  // One value at a time is read and written here: making views of each buffer takes longer than all the rest.
  const scratch = memoryOf(new Uint8Array(size));
  return {
    shape,
    size,
    minimumSize,
    decode,
    read(bytes) {
      if (bytes.length < minimumSize)
        throw new CodecError(
          "codec/too-short",
          `A value of ${name} takes ${minimumSize} bytes, but there are ${bytes.length}`,
        );
      if (bytes.length > size) return decode(memoryOf(bytes), 0, bytes.length);
      scratch.bytes.set(bytes);
      return decode(scratch, 0, bytes.length);
    },
    encode(memory, offset, value) {
      encode(memory, offset, value, name);
    },
    write(value) {
      encode(scratch, 0, value, name);
      return new Uint8Array(scratch.bytes);
    },
  };
}

function build<T>(source: string): { readonly decode: Decode<T>; readonly encode: Encode } {
  try {
    // The source is ours; names from BTF are in it as JSON texts only.
    // oxlint-disable-next-line typescript/no-implied-eval, typescript/no-unsafe-type-assertion, no-new-func
    return new Function("runtime", source)(runtime) as { decode: Decode<T>; encode: Encode };
  } catch (cause) {
    if (!(cause instanceof EvalError)) throw cause;
    throw new CodecError(
      "codec/no-code-generation",
      "Decoders are generated as JavaScript, which this process forbids",
      ["Start Node without --disallow-code-generation-from-strings"],
      cause,
    );
  }
}

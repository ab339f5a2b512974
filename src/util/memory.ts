/** Bytes seen both ways: `bytes` for texts, `view` for numbers. Made once for a region and read in place. */
export interface Memory {
  readonly bytes: Buffer;
  readonly view: DataView;
}

export function memoryOf(bytes: Uint8Array): Memory {
  const { buffer, byteOffset, byteLength } = bytes;
  return {
    bytes: Buffer.from(buffer, byteOffset, byteLength),
    view: new DataView(buffer, byteOffset, byteLength),
  };
}

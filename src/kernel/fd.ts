declare const fdBrand: unique symbol;

/** A file descriptor of a kernel; close it through that kernel. */
export type Fd = number & { readonly [fdBrand]: true };

/** Takes a number for a descriptor: the answer of a system call, or one that was opened elsewhere. */
export function asFd(descriptor: number): Fd {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is where the brand comes from
  return descriptor as Fd;
}

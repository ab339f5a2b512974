declare const fdBrand: unique symbol;

/** A file descriptor of a kernel; close it through that kernel. */
export type Fd = number & { readonly [fdBrand]: true };

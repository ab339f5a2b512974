/**
 * The name of a value in a table of constants, or undefined.
 *
 * Where the kernel has two names for one value the first that is not deprecated wins, as in
 * `nameOf(BPF_CMD, 10)`, which is `PROG_TEST_RUN`.
 */
export function nameOf(
  table: Readonly<Record<string, number | bigint>>,
  value: number | bigint,
): string | undefined {
  return reverse(table).get(Number(value));
}

/** The value of a name, or undefined; names from users are checked by this. */
export function valueOf(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** The names of the bits set in `value`, lowest first; unknown bits as one hexadecimal number at the end. */
export function flagNames(table: Readonly<Record<string, number>>, value: number): string[] {
  const names: string[] = [];
  let rest = BigInt(value);
  for (const [name, bit] of Object.entries(table).sort((a, b) => a[1] - b[1])) {
    const bits = BigInt(bit);
    if (bits > 0n && (bits & (bits - 1n)) === 0n && (rest & bits) !== 0n) {
      names.push(name);
      rest &= ~bits;
    }
  }
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names;
}

// Derived once from constant tables; holds no state of its own.
const reversed = new WeakMap<object, Map<number, string>>();

function reverse(table: Readonly<Record<string, number | bigint>>): Map<number, string> {
  const known = reversed.get(table);
  if (known) return known;
  const names = new Map<number, string>();
  for (const [name, value] of Object.entries(table)) {
    const earlier = names.get(Number(value));
    if (earlier === undefined || earlier.endsWith("_DEPRECATED")) names.set(Number(value), name);
  }
  reversed.set(table, names);
  return names;
}

/** A record without a prototype: names that come from outside cannot be taken for those of Object.prototype. */
export function emptyRecord<V>(): Record<string, V> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create() gives any
  return Object.create(null) as Record<string, V>;
}

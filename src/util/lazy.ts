/** A value made when it is first asked for: tables that few runs need cost the others nothing at start. */
export function lazy<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
}

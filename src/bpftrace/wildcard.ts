export function hasWildcard(text: string): boolean {
  return /[*?[]/.test(text);
}

/** Shell-like: `*`, `?` and `[a-z]`. */
export function wildcard(pattern: string): (text: string) => boolean {
  const source = pattern.replace(/\*+|\?|\[[^\]]*\]|[^]/g, (piece) => {
    if (piece.startsWith("*")) return ".*";
    if (piece === "?") return ".";
    if (piece.startsWith("[") && piece.length > 2) return piece.replace(/\\/g, "\\\\").replace(/^\[!/, "[^");
    return piece.replace(/[.+^$(){}|[\]\\/-]/g, "\\$&");
  });
  const expression = new RegExp(`^${source}$`);
  return (text) => expression.test(text);
}

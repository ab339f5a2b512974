/** Tells whether a whole name matches a pattern of `*` (any text) and `?` (one character). */
export function wildcard(pattern: string): (name: string) => boolean {
  return (name) => matches(name, pattern);
}

/** Walks both once; a mismatch goes back to the last star only, so that no pattern takes exponential time. */
function matches(name: string, pattern: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  for (let index = 0; index < name.length;) {
    if (pattern[at] === "*") {
      star = at++;
      resume = index;
    } else if (at < pattern.length && (pattern[at] === "?" || pattern[at] === name[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === "*") at++;
  return at === pattern.length;
}

export function isWildcard(text: string): boolean {
  return /[*?]/.test(text);
}

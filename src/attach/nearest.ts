/** At most `count` of the names that look most like `name`; none if nothing comes close. */
export function nearestNames(name: string, names: Iterable<string>, count = 3): string[] {
  const most = Math.max(2, Math.floor(name.length / 3));
  return [...names]
    .filter((candidate) => Math.abs(candidate.length - name.length) <= most)
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))
    .slice(0, count)
    .map(({ candidate }) => candidate);
}

/** `Did you mean a, b?` as hints; empty if nothing comes close. */
export function nearestHint(name: string, names: Iterable<string>): string[] {
  const nearest = nearestNames(name, names);
  return nearest.length === 0 ? [] : [`Did you mean ${nearest.join(", ")}?`];
}

/** Levenshtein's, row by row. */
function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++)
      row.push(Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    above = row;
  }
  return above[b.length]!;
}

/** Whether two parts of a tree are alike but for their places in the text. */
export function isSameTree(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((x, i) => isSameTree(x, b[i]));
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let keys = 0;
  for (const key in left) {
    keys++;
    if (key !== 'at' && !isSameTree(left[key], right[key])) return false;
  }
  for (const _ in right) keys--;
  return keys === 0;
}

/** Removes and returns up to `limit` elements, in the order they were added. */
export function take<T>(set: Set<T>, limit: number): T[] {
  const taken: T[] = [];
  for (const element of set) {
    if (taken.length === limit) break;
    taken.push(element);
    set.delete(element);
  }
  return taken;
}

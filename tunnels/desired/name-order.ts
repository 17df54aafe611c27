/** The order of names that decides who is first: by code unit, the same on every node. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function inNameOrder(names: Iterable<string>): string[] {
  return [...names].sort(compareText);
}

/** What becomes of five or eleven measurements of the same thing. */

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly values: readonly number[];
}

/** @throws RangeError without values. */
export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle];
  const low = sorted[sorted.length % 2 === 1 ? middle : middle - 1];
  if (high === undefined || low === undefined) throw new RangeError("no values to summarise");
  return {
    median: (low + high) / 2,
    min: sorted[0] as number,
    max: sorted.at(-1) as number,
    values,
  };
}

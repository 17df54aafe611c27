/** Random numbers that depend on the seed alone, on every machine (mulberry32). */

export type Random = () => number;

/** Numbers from 0 (inclusive) to 1 (exclusive). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mix = Math.imul(state ^ (state >>> 15), state | 1);
    mix ^= mix + Math.imul(mix ^ (mix >>> 7), mix | 61);
    return ((mix ^ (mix >>> 14)) >>> 0) / 0x100000000;
  };
}

/** Fisher and Yates, in place. */
export function shuffle(values: Uint32Array, random: Random): void {
  for (let at = values.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    const value = values[at] as number;
    values[at] = values[other] as number;
    values[other] = value;
  }
}

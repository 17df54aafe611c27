/** Delays between tries: doubling from `first` to `limit`, each with jitter of up to a quarter. */
export interface BackoffLimits {
  /** Milliseconds. */
  readonly first: number;
  readonly limit: number;
}

/**
 * Milliseconds to wait after failed try number `attempt` (1 and up). `random` gives 0 to 1 and is
 * passed in so that the result is a function of its inputs.
 */
export function backoffDelay(attempt: number, limits: BackoffLimits, random: number): number {
  const plain = Math.min(limits.limit, limits.first * 2 ** Math.min(attempt - 1, 30));
  return plain * (1 + random / 4);
}

/** The difference of two keyed collections, whole or for some keys only. */

export type Difference<K, V> =
  | { readonly key: K; readonly reason: "missing"; readonly desired: V; readonly actual: undefined }
  | { readonly key: K; readonly reason: "different"; readonly desired: V; readonly actual: V }
  | {
      readonly key: K;
      readonly reason: "unwanted";
      readonly desired: undefined;
      readonly actual: V;
    };

/** How two values of one key compare and which actual values we may remove. */
export interface DiffRules<V> {
  readonly isSame: (desired: V, actual: V) => boolean;
  readonly isOwned: (actual: V) => boolean;
}

/**
 * Differences of the given keys, or of all keys: desired ones in their order, then what is owned
 * and no longer desired.
 */
export function* keyedDiff<K, V>(
  desired: ReadonlyMap<K, V>,
  actual: ReadonlyMap<K, V>,
  rules: DiffRules<V>,
  keys?: Iterable<K>,
): Generator<Difference<K, V>> {
  for (const key of keys ?? allKeys(desired, actual)) {
    const want = desired.get(key);
    const have = actual.get(key);
    if (want !== undefined) {
      if (have === undefined) yield { key, reason: "missing", desired: want, actual: undefined };
      else if (!rules.isSame(want, have)) {
        yield { key, reason: "different", desired: want, actual: have };
      }
    } else if (have !== undefined && rules.isOwned(have)) {
      yield { key, reason: "unwanted", desired: undefined, actual: have };
    }
  }
}

function* allKeys<K, V>(desired: ReadonlyMap<K, V>, actual: ReadonlyMap<K, V>): Generator<K> {
  yield* desired.keys();
  for (const key of actual.keys()) if (!desired.has(key)) yield key;
}

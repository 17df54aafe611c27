/** A map that can say which keys differ from when it was asked last. */
import { sameValue } from "./same-value.ts";

export class TrackedMap<K, V> {
  readonly map: Map<K, V> = new Map();
  /** Keys touched since the last `drain`, with what they held before (undefined: nothing). */
  readonly #before = new Map<K, V | undefined>();

  set(key: K, value: V): void {
    this.#touch(key);
    this.map.set(key, value);
  }

  /** Removes the key if it holds exactly this object; what another owner has put there stays. */
  remove(key: K, value: V): void {
    if (this.map.get(key) !== value) return;
    this.#touch(key);
    this.map.delete(key);
  }

  /** Makes the map hold exactly these values. */
  replaceAll(values: ReadonlyMap<K, V>): void {
    for (const [key, value] of [...this.map]) if (!values.has(key)) this.remove(key, value);
    for (const [key, value] of values) {
      if (!sameValue(this.map.get(key), value)) this.set(key, value);
    }
  }

  /** The keys that hold something else than at the last call. */
  drain(): Set<K> {
    const changed = new Set<K>();
    for (const [key, before] of this.#before) {
      if (!sameValue(before, this.map.get(key))) changed.add(key);
    }
    this.#before.clear();
    return changed;
  }

  #touch(key: K): void {
    if (!this.#before.has(key)) this.#before.set(key, this.map.get(key));
  }
}

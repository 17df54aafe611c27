/** Follows a datastore the way the agent does: applies each batch, and waits for what is expected. */
import type { ChangeBatch, Datastore } from "../../src/datastore/datastore.ts";
import type { Resource, ResourceFault } from "../../tunnels/model/snapshot.ts";

/** Milliseconds: of a cluster that elects a leader on a busy machine, too. */
const PATIENCE = 20_000;

export class StoreFollower implements AsyncDisposable {
  readonly batches: ChangeBatch[] = [];
  readonly resources = new Map<string, Resource>();
  readonly datastore: Datastore;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;
  #isEnded = false;
  #onBatch: (() => void) | undefined;

  constructor(datastore: Datastore) {
    this.datastore = datastore;
    this.#following = this.#follow();
  }

  /** "Kind/name" of everything in force, sorted. */
  get keys(): string[] {
    return [...this.resources.keys()].sort();
  }

  get last(): ChangeBatch | undefined {
    return this.batches.at(-1);
  }

  get state(): string | undefined {
    return this.last?.condition.state;
  }

  get faults(): readonly ResourceFault[] {
    return this.last?.faults ?? [];
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** Waits until a claim is true; fails with the claim's text and what there is instead. */
  async until(claim: (follower: this) => boolean): Promise<void> {
    const end = performance.now() + PATIENCE;
    while (!claim(this)) {
      const left = end - performance.now();
      if (left <= 0) {
        const { keys, last } = this;
        throw new Error(`never: ${claim}\nkeys ${keys}\nlast batch ${JSON.stringify(last)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#onBatch = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #follow(): Promise<void> {
    for await (const batch of this.datastore.watch(this.#stop.signal)) {
      for (const { kind, name, resource } of batch.changes) {
        if (resource === undefined) this.resources.delete(`${kind}/${name}`);
        else this.resources.set(`${kind}/${name}`, resource);
      }
      this.batches.push(batch);
      this.#onBatch?.();
    }
    this.#isEnded = true;
    this.#onBatch?.();
  }
}

/** A store with revisions that lives in this process, to try what all remote stores share. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Datastore } from "../../../src/datastore/datastore.ts";
import type { Entry } from "../../../src/datastore/entry.ts";
import { RemoteDatastore, type RemoteStore } from "../../../src/datastore/remote.ts";
import { readRemote } from "../../../src/datastore/remote-entry.ts";
import type { RemoteFeed } from "../../../src/datastore/remote-feed.ts";
import type { SnapshotFile } from "../../../src/datastore/snapshot-file.ts";
import type { Resource, ResourceKind } from "../../../tunnels/model/snapshot.ts";
import type { StoreDriver } from "../../conformance/datastore.cases.ts";
import type { Manifest } from "../../conformance/manifests.ts";

export class MemoryDriver implements StoreDriver {
  readonly runDir: string = mkdtempSync(join(tmpdir(), "causeway-memory-"));
  readonly #records = new Map<string, Manifest>();
  readonly #followers = new Set<Follower>();
  #isAway = false;
  revision = 1;

  open(options: { snapshot?: SnapshotFile; patience?: number } = {}): Datastore {
    const { snapshot, patience = 10_000 } = options;
    return new RemoteDatastore(new Follower(this), { snapshot, timings: { patience, retry: 10 } });
  }

  async put(...manifests: Manifest[]): Promise<void> {
    this.change(manifests.map((one) => [keyOf(one.kind, one.metadata.name), one]));
  }

  async remove(...manifests: Manifest[]): Promise<void> {
    this.change(manifests.map((one) => [keyOf(one.kind, one.metadata.name), undefined]));
  }

  async empty(): Promise<void> {
    this.change([...this.#records.keys()].map((key) => [key, undefined]));
  }

  async disappear(): Promise<void> {
    this.#isAway = true;
    for (const { feed } of this.#followers) feed?.lost("memory is away");
  }

  async comeBack(): Promise<void> {
    this.#isAway = false;
    for (const one of this.#followers) this.list(one);
  }

  /** All content is lost, and the revisions begin anew. */
  loseData(...manifests: Manifest[]): void {
    this.#records.clear();
    this.revision = 1;
    for (const one of manifests) this.#records.set(keyOf(one.kind, one.metadata.name), one);
  }

  change(changes: [string, Manifest | undefined][]): void {
    this.revision++;
    for (const [key, manifest] of changes) {
      if (manifest === undefined) this.#records.delete(key);
      else this.#records.set(key, manifest);
    }
    const entries = changes.map(([key, one]) => ({ key, entry: one && entryOf(key, one) }));
    const readAt = performance.now();
    for (const { feed } of this.#followers) {
      if (!this.#isAway) {
        feed?.changed({ changes: entries, revision: String(this.revision), readAt });
      }
    }
  }

  add(follower: Follower): void {
    this.#followers.add(follower);
    this.list(follower);
  }

  delete(follower: Follower): void {
    this.#followers.delete(follower);
  }

  list({ feed }: Follower): void {
    if (this.#isAway) {
      feed?.lost("memory is away");
      return;
    }
    const entries = [...this.#records].map(([key, one]) => entryOf(key, one));
    feed?.listed({ entries, revision: String(this.revision), readAt: performance.now() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    rmSync(this.runDir, { recursive: true });
  }
}

class Follower implements RemoteStore {
  readonly url = "memory:";
  readonly #driver: MemoryDriver;
  feed: RemoteFeed | undefined;

  constructor(driver: MemoryDriver) {
    this.#driver = driver;
  }

  keyOf({ kind, name }: Resource): string {
    return keyOf(kind, name);
  }

  isBefore(now: string, seen: string): boolean {
    return Number(now) < Number(seen);
  }

  async follow(feed: RemoteFeed, signal: AbortSignal): Promise<void> {
    this.feed = feed;
    this.#driver.add(this);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    this.#driver.delete(this);
  }

  relist(): void {
    this.#driver.list(this);
  }
}

function keyOf(kind: string, name: string): string {
  return `/${kind}/${name}`;
}

function entryOf(key: string, manifest: Manifest): Entry {
  const { kind, metadata } = manifest;
  return readRemote({ key, kind: kind as ResourceKind, name: metadata.name, raw: manifest });
}

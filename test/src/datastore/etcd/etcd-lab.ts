/** A datastore that follows a real etcd through faults, and what must be true of it at the end. */
import { expect } from "vitest";
import { encodeResource } from "../../../../src/datastore/resource-text.ts";
import type { Resource } from "../../../../tunnels/model/snapshot.ts";
import {
  blockManifest,
  type Manifest,
  nodeManifest,
  poolManifest,
} from "../../../conformance/manifests.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { EtcdDriver } from "./etcd-driver.ts";

export const pool: Manifest = poolManifest("green", "10.77.0.0/16", { vxlanMode: "Always" });
export const block: Manifest = blockManifest("10.77.3.64/26", "alder");
const alder = nodeManifest("alder", "192.0.2.11");

/** `count` nodes, the addresses of a version. */
export function nodes(count: number, version = 1): Manifest[] {
  return Array.from({ length: count }, (_, at) =>
    nodeManifest(`node-${at}`, `10.${version}.${at >> 8}.${at & 0xff}`),
  );
}

export const content: readonly Manifest[] = [pool, alder, block];

/** A store with some content, and somebody who follows it and is in sync. */
export async function followed(driver: EtcdDriver): Promise<StoreFollower> {
  await driver.put(...content);
  const store = new StoreFollower(driver.open());
  await store.until(({ last }) => last?.inSync === true);
  return store;
}

/** What the store has now, as a reader sees it that comes fresh. */
async function present(driver: EtcdDriver): Promise<Map<string, Resource>> {
  await using reader = new EtcdDriver(driver.server, { driver });
  await using fresh = new StoreFollower(reader.open());
  await fresh.until(({ last }) => last?.inSync === true);
  return new Map(fresh.resources);
}

/**
 * Waits until the follower has what the store has. Nothing was told twice on the way, and nothing
 * removed but what is gone now.
 */
export async function becomesExact(driver: EtcdDriver, store: StoreFollower): Promise<void> {
  const wanted = texts(await present(driver));
  await store.until(({ resources, state }) => {
    const found = texts(resources);
    return (
      state === "ok" &&
      found.length === wanted.length &&
      found.every((one, at) => one === wanted[at])
    );
  });
  const seen = new Map<string, string>();
  for (const { changes } of store.batches) {
    for (const { kind, name, resource } of changes) {
      const key = `${kind}/${name}`;
      const text = resource === undefined ? "removed" : encodeResource(resource);
      expect(seen.get(key), `${key} is told twice`).not.toBe(text);
      seen.set(key, text);
      if (resource === undefined) expect(store.keys, `${key} was removed`).not.toContain(key);
    }
  }
}

function texts(resources: ReadonlyMap<string, Resource>): string[] {
  return [...resources.values()].map(encodeResource).sort();
}

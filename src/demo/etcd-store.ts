/**
 * A real etcd server that a site starts itself: in the router's namespace, where every node reaches
 * it over the underlay.
 */
import { join } from "node:path";
import { EtcdRecordStore } from "../datastore/etcd/record-store.ts";
import type { RecordValue } from "../datastore/record-store.ts";
import { EtcdProcess } from "./etcd-process.ts";
import type { Namespaces } from "./namespaces.ts";
import type { SiteStore } from "./site-store.ts";
import type { Topology } from "./topology.ts";
import type { Resource } from "./topology-resources.ts";

/** @throws CausewayError `datastore` if etcd is not installed, or does not start */
export async function openEtcdStore(
  { subnets }: Topology,
  { router: namespace }: Namespaces,
  files: string,
): Promise<SiteStore> {
  const address = subnets[0]?.router.ipv4 ?? "";
  const etcd = await EtcdProcess.start({ namespace, directory: join(files, "etcd"), address });
  const records = new EtcdRecordStore(etcd.client);
  return {
    url: etcd.url,
    write: (resources) => write(records, resources),
    close: () => etcd.close(),
    leave: () => etcd.leave(),
  };
}

/** Adds records, or replaces them. */
async function write(records: EtcdRecordStore, resources: readonly Resource[]): Promise<void> {
  for (const resource of resources) {
    const value = resource as unknown as RecordValue;
    const old = await records.get(value.kind, value.metadata.name);
    if (old === undefined) await records.create(value);
    else await records.update(value, old.revision);
  }
}

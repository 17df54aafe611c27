/** The records of a cluster under the keys and in the form that Calico has in etcd. */
import type { EtcdClient } from "../../src/datastore/etcd/client.ts";
import type { RequestOp } from "../../src/datastore/etcd/messages.ts";
import { encodeRecord, keyOfRecord } from "../../src/datastore/etcd/record-form.ts";
import type { RecordValue } from "../../src/datastore/record-store.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { seededRandom } from "../cluster/random.ts";
import { blockRecord, nodeRecord, poolRecord, type ResourceRecord } from "../cluster/record.ts";

const PREFIX = "/calico";
/** Operations in one transaction: etcd takes 128. */
const STEP = 100;

/** Writes the whole cluster. */
export async function seedEtcd(client: EtcdClient, cluster: Cluster): Promise<void> {
  let step: RequestOp[] = [];
  for (const record of recordsOf(cluster)) {
    step.push(putOf(record));
    if (step.length === STEP) {
      await client.txn({ compare: [], success: step, failure: [] });
      step = [];
    }
  }
  await client.txn({ compare: [], success: step, failure: [] });
}

export async function put(
  client: EtcdClient,
  ...records: readonly ResourceRecord[]
): Promise<void> {
  await client.txn({ compare: [], success: records.map(putOf), failure: [] });
}

function* recordsOf(cluster: Cluster): Generator<ResourceRecord> {
  for (const pool of cluster.pools(4)) yield poolRecord(pool, "full");
  for (let node = 0; node < cluster.options.nodes; node++) yield nodeRecord(cluster, node, "full");
  for (let block = 0; block < cluster.blockCount; block++) {
    yield withPods(cluster, block);
  }
}

const ADDRESSES = 64;
/** Pods in a block, on the average: 5,000 nodes with 20 blocks and the usual 110 pods each. */
const PODS = 5.5;

/** A block as Calico writes it, with its pods. */
export function withPods(cluster: Cluster, block: number): ResourceRecord {
  const record = blockRecord(cluster, block, 4, "minimal");
  const node = cluster.nameOf(cluster.ownerOf(block));
  const random = seededRandom(block + 1);
  const count = Math.floor(random() * (2 * PODS + 1));
  const allocations = Array.from({ length: ADDRESSES }, (_, at) => (at < count ? at : null));
  const unallocated = Array.from({ length: ADDRESSES - count }, (_, at) => count + at);
  const attributes = Array.from({ length: count }, (_, at) => ({
    handle_id: `k8s-pod-network.${Math.floor(random() * 2 ** 52).toString(16)}`,
    secondary: {
      namespace: "default",
      node,
      pod: `shop-${block}-${at}`,
      timestamp: "2026-01-05 10:02:11.5 +0000 UTC",
    },
  }));
  const sequence = { sequenceNumber: block, sequenceNumberForAllocation: {}, deleted: false };
  const spec = { ...record.spec, allocations, unallocated, attributes, ...sequence };
  return { ...record, spec };
}

function putOf(record: ResourceRecord): RequestOp {
  const value = record as unknown as RecordValue;
  return { put: { key: Buffer.from(keyOfRecord(PREFIX, value)), value: encodeRecord(value) } };
}

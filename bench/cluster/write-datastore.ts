/**
 * Writes a cluster as a file datastore, record by record: memory does not grow with the cluster.
 *
 *   json       pools.json, nodes-000.json, blocks-000.json ...: `List` files of 1,000 resources
 *   yaml       the same as multi-document files: pools.yaml, nodes-000.yaml ...
 *   per-node   pools.json and one file for each node, NAME.json: the node and its blocks
 */
import { closeSync, mkdirSync, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Cluster } from "./cluster.ts";
import {
  blockRecord,
  nodeRecord,
  poolRecord,
  type RecordDetail,
  type ResourceRecord,
} from "./record.ts";
import { yamlText } from "./yaml-text.ts";

export type Layout = "json" | "yaml" | "per-node";

export interface WriteOptions {
  readonly layout: Layout;
  readonly detail: RecordDetail;
}

export interface Written {
  readonly files: number;
  readonly resources: number;
  readonly bytes: number;
}

export const RECORDS_PER_FILE = 1000;

/**
 * Makes `directory` and fills it.
 * @throws Error if it has files already: mixing two clusters is never what somebody wants.
 */
export function writeDatastore(
  cluster: Cluster,
  directory: string,
  options: WriteOptions,
): Written {
  mkdirSync(directory, { recursive: true });
  if (readdirSync(directory).length > 0) throw new Error(`${directory} is not empty`);
  const total = { files: 0, resources: 0, bytes: 0 };
  const format = options.layout === "yaml" ? "yaml" : "json";
  const writeFile = (name: string, records: Iterable<ResourceRecord>): void => {
    const written = writeRecords(join(directory, `${name}.${format}`), format, records);
    total.files++;
    total.resources += written.resources;
    total.bytes += written.bytes;
  };
  writeFile("pools", poolRecords(cluster, options.detail));
  if (options.layout === "per-node") {
    const blocks = blocksByNode(cluster);
    for (let node = 0; node < cluster.options.nodes; node++) {
      const own = blocks.subarray(blocks[node], blocks[node + 1]);
      writeFile(cluster.nameOf(node), recordsOfNode(cluster, node, own, options.detail));
    }
  } else {
    for (const [kind, records] of [
      ["nodes", nodeRecords(cluster, options.detail)],
      ["blocks", blockRecords(cluster, options.detail)],
    ] as const) {
      let file = 0;
      for (const chunk of chunks(records)) {
        writeFile(`${kind}-${String(file++).padStart(3, "0")}`, chunk);
      }
    }
  }
  return total;
}

function* poolRecords(cluster: Cluster, detail: RecordDetail): Generator<ResourceRecord> {
  for (const family of cluster.options.families) {
    for (const pool of cluster.pools(family)) yield poolRecord(pool, detail);
  }
}

function* nodeRecords(cluster: Cluster, detail: RecordDetail): Generator<ResourceRecord> {
  for (let at = 0; at < cluster.options.nodes; at++) yield nodeRecord(cluster, at, detail);
}

function* blockRecords(cluster: Cluster, detail: RecordDetail): Generator<ResourceRecord> {
  for (const family of cluster.options.families) {
    for (let at = 0; at < cluster.blockCount; at++) yield blockRecord(cluster, at, family, detail);
  }
}

function* recordsOfNode(
  cluster: Cluster,
  node: number,
  blocks: Uint32Array,
  detail: RecordDetail,
): Generator<ResourceRecord> {
  yield nodeRecord(cluster, node, detail);
  for (const family of cluster.options.families) {
    for (const block of blocks) yield blockRecord(cluster, block, family, detail);
  }
}

/** One array: where each node's blocks start (nodes + 1 entries), then the blocks by node. */
function blocksByNode(cluster: Cluster): Uint32Array {
  const { nodes } = cluster.options;
  const index = new Uint32Array(nodes + 1 + cluster.blockCount);
  let start = nodes + 1;
  for (let node = 0; node < nodes; node++) {
    index[node] = start;
    start += cluster.blocksOf(node);
  }
  index[nodes] = start;
  const next = index.slice(0, nodes);
  for (let block = 0; block < cluster.blockCount; block++) {
    const owner = cluster.ownerOf(block);
    const slot = next[owner] as number;
    index[slot] = block;
    next[owner] = slot + 1;
  }
  return index;
}

/** Splits lazily; each chunk has to be used up before the next is asked for. */
function* chunks(records: Iterator<ResourceRecord>): Generator<Iterable<ResourceRecord>> {
  let first = records.next();
  while (first.done !== true) {
    const start: ResourceRecord = first.value;
    yield (function* () {
      yield start;
      for (let count = 1; count < RECORDS_PER_FILE; count++) {
        const next = records.next();
        if (next.done === true) return;
        yield next.value;
      }
    })();
    first = records.next();
  }
}

/** Replaces nothing that a reader may be looking at: meant for new files only. */
export function writeRecords(
  path: string,
  format: "json" | "yaml",
  records: Iterable<ResourceRecord>,
): { resources: number; bytes: number } {
  const file = openSync(path, "wx");
  const written = { resources: 0, bytes: 0 };
  let pending = format === "json" ? '{"apiVersion":"v1","kind":"List","items":[' : "";
  const flush = (): void => {
    written.bytes += writeSync(file, pending);
    pending = "";
  };
  for (const record of records) {
    if (format === "yaml") pending += `---\n${yamlText(record)}`;
    else pending += `${written.resources === 0 ? "\n" : ",\n"}${JSON.stringify(record)}`;
    written.resources++;
    if (pending.length > 1 << 20) flush();
  }
  if (format === "json") pending += "\n]}\n";
  flush();
  closeSync(file);
  return written;
}

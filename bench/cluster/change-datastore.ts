/**
 * Changes a datastore that `writeDatastore` wrote in the json layout, as a careful writer does:
 * the List file with the record is written anew beside the directory and renamed into place.
 */
import { renameSync } from "node:fs";
import { join } from "node:path";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { Cluster } from "./cluster.ts";
import { blockRecord, nodeRecord, type ResourceRecord } from "./record.ts";
import { RECORDS_PER_FILE, writeRecords } from "./write-datastore.ts";

export class ChangingDatastore {
  readonly #cluster: Cluster;
  readonly #directory: string;
  readonly #newPath: (name: string) => string;
  readonly #addresses = new Map<number, IpAddress>();
  #addedBlocks = 0;

  /** @param newPath gives a path for a new file, on the same file system as the directory. */
  constructor(cluster: Cluster, directory: string, newPath: (name: string) => string) {
    this.#cluster = cluster;
    this.#directory = directory;
    this.#newPath = newPath;
  }

  /** Gives a node another IPv4 address, of the same subnet length. */
  moveNode(node: number, address: IpAddress): void {
    this.#addresses.set(node, address);
    const file = Math.floor(node / RECORDS_PER_FILE);
    const end = Math.min((file + 1) * RECORDS_PER_FILE, this.#cluster.options.nodes);
    const records: ResourceRecord[] = [];
    for (let at = file * RECORDS_PER_FILE; at < end; at++) records.push(this.#nodeRecord(at));
    this.#replace(fileName("nodes", file), records);
  }

  /** Adds one block of `node` behind all others; returns its CIDR. */
  addBlock(node: number): string {
    const { blockCount } = this.#cluster;
    this.#addedBlocks++;
    const file = Math.floor((blockCount - 1) / RECORDS_PER_FILE);
    const records: ResourceRecord[] = [];
    for (let at = file * RECORDS_PER_FILE; at < blockCount; at++) {
      records.push(blockRecord(this.#cluster, at, 4, "minimal"));
    }
    for (let at = 0; at < this.#addedBlocks; at++) records.push(this.#addedRecord(at, node));
    this.#replace(fileName("blocks", file), records);
    return this.#cluster.blockCidr(blockCount + this.#addedBlocks - 1, 4).toString();
  }

  #nodeRecord(node: number): ResourceRecord {
    const record = nodeRecord(this.#cluster, node, "minimal");
    const address = this.#addresses.get(node);
    if (address === undefined) return record;
    const ipv4Address = `${address}/${this.#cluster.underlayLength(node, 4)}`;
    return { ...record, spec: { ...record.spec, bgp: { ipv4Address } } };
  }

  #addedRecord(at: number, node: number): ResourceRecord {
    const cidr = this.#cluster.blockCidr(this.#cluster.blockCount + at, 4).toString();
    return {
      apiVersion: "crd.projectcalico.org/v1",
      kind: "IPAMBlock",
      metadata: { name: cidr.replace(/[./]/g, "-") },
      spec: { cidr, affinity: `host:${this.#cluster.nameOf(node)}` },
    };
  }

  #replace(name: string, records: Iterable<ResourceRecord>): void {
    const path = this.#newPath(name);
    writeRecords(path, "json", records);
    renameSync(path, join(this.#directory, name));
  }
}

function fileName(kind: "nodes" | "blocks", file: number): string {
  return `${kind}-${String(file).padStart(3, "0")}.json`;
}

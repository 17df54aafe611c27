/**
 * What goes on in a large cluster all the time: so many changes a second, spread evenly. Half of them
 * are pods that come and go in a block, of no effect on any other node; half give a block to another
 * node, which is a route changed.
 */
import type { EtcdClient } from "../../src/datastore/etcd/client.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { blockRecord, type ResourceRecord } from "../cluster/record.ts";
import { put } from "./keys.ts";

export class SteadyChanges {
  readonly #cluster: Cluster;
  readonly #client: EtcdClient;
  readonly #timer: NodeJS.Timeout;
  readonly #start = performance.now();
  readonly #perSecond: number;
  #count = 0;
  #failure: unknown;

  constructor(cluster: Cluster, client: EtcdClient, perSecond: number) {
    this.#cluster = cluster;
    this.#client = client;
    this.#perSecond = perSecond;
    this.#timer = setInterval(() => this.#catchUp(), 500 / perSecond);
  }

  /** Stops. @returns how many changes there were a second. @throws what a change failed with */
  stop(): number {
    clearInterval(this.#timer);
    if (this.#failure !== undefined) throw this.#failure;
    return (1_000 * this.#count) / (performance.now() - this.#start);
  }

  #catchUp(): void {
    const due = ((performance.now() - this.#start) * this.#perSecond) / 1_000;
    while (this.#count < due) {
      put(this.#client, this.#change(this.#count++)).catch((error) => {
        this.#failure ??= error;
      });
    }
  }

  #change(number: number): ResourceRecord {
    const { blockCount, options } = this.#cluster;
    const block = (number * 7919) % blockCount;
    const record = blockRecord(this.#cluster, block, 4, "minimal");
    const owner = this.#cluster.ownerOf(block);
    const node = number % 2 === 0 ? owner : 1 + ((owner + number) % (options.nodes - 1));
    const affinity = `host:${this.#cluster.nameOf(node)}`;
    const allocations = Array.from({ length: 64 }, (_, at) => (at < number % 64 ? 0 : null));
    const attributes = [
      { handle_id: `pod-${number}`, secondary: { node: this.#cluster.nameOf(node) } },
    ];
    const spec = { ...record.spec, affinity, allocations, attributes, sequenceNumber: number };
    return { ...record, spec };
  }
}

/** A prefix of a real etcd server, and what Calico and the network do to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EtcdSettings } from "../../../../src/config/etcd-settings.ts";
import type { Datastore } from "../../../../src/datastore/datastore.ts";
import { parseEtcdUrl } from "../../../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../../../src/datastore/etcd/client.ts";
import { blockKey, type PluralKind, resourceKey } from "../../../../src/datastore/etcd/keys.ts";
import type { MemberTimings } from "../../../../src/datastore/etcd/member.ts";
import type { RequestOp } from "../../../../src/datastore/etcd/messages.ts";
import { EtcdStore, type FollowTimings } from "../../../../src/datastore/etcd/store.ts";
import { RemoteDatastore } from "../../../../src/datastore/remote.ts";
import type { SnapshotFile } from "../../../../src/datastore/snapshot-file.ts";
import type { StoreDriver } from "../../../conformance/datastore.cases.ts";
import type { Manifest } from "../../../conformance/manifests.ts";
import type { EtcdServer } from "../../../support/etcd-server.ts";

/** Short, so that no test waits long; keepalive is as short as etcd allows it. */
const timings: MemberTimings & FollowTimings = {
  call: 2_000,
  page: 10_000,
  keepalive: 5_000,
  keepaliveAnswer: 500,
  retry: 20,
  most: 200,
  grace: 100,
  catchUp: 200,
  ask: 500,
};

export interface DriverOptions {
  /** "HOST:PORT", by default the server's own. */
  readonly endpoints?: readonly string[];
  readonly settings?: EtcdSettings;
  /** Another driver, whose keys these are too. */
  readonly driver?: EtcdDriver;
  readonly timings?: Partial<MemberTimings & FollowTimings>;
}

let count = 0;

export class EtcdDriver implements StoreDriver {
  readonly server: EtcdServer;
  readonly runDir: string = mkdtempSync(join(tmpdir(), "causeway-etcd-"));
  readonly prefix: string;
  /** The cluster's side, which is not in the way of faults between the datastore and the server. */
  readonly client: EtcdClient;
  readonly #options: DriverOptions;

  constructor(server: EtcdServer, options: DriverOptions = {}) {
    this.server = server;
    this.#options = { ...options, settings: options.settings ?? options.driver?.settings ?? {} };
    this.prefix = options.driver?.prefix ?? `/calico-${count++}`;
    this.client = this.#client([server.endpoint]);
  }

  get settings(): EtcdSettings {
    return this.#options.settings ?? {};
  }

  open(options: { snapshot?: SnapshotFile } = {}): Datastore {
    const client = this.#client(this.#options.endpoints ?? [this.server.endpoint]);
    const store = new EtcdStore(client, { ...timings, ...this.#options.timings });
    return new RemoteDatastore(store, options);
  }

  async put(...manifests: Manifest[]): Promise<void> {
    await this.write(manifests.map((one) => [keyOf(this.prefix, one), textOf(one)]));
  }

  async remove(...manifests: Manifest[]): Promise<void> {
    await this.write(manifests.map((one) => [keyOf(this.prefix, one), undefined]));
  }

  /** Puts and deletes keys in one step. */
  async write(changes: [key: string, value: string | undefined][]): Promise<void> {
    const rangeEnd = Buffer.alloc(0);
    const success = changes.map(([text, value]): RequestOp => {
      const key = Buffer.from(text);
      return value === undefined
        ? { delete: { key, rangeEnd } }
        : { put: { key, value: Buffer.from(value) } };
    });
    await this.client.txn({ compare: [], success, failure: [] });
  }

  disappear(): Promise<void> {
    return this.server.kill();
  }

  comeBack(): Promise<void> {
    return this.server.start();
  }

  async empty(): Promise<void> {
    await this.server.ctl("del", "--prefix", `${this.prefix}/`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    rmSync(this.runDir, { recursive: true });
  }

  #client(endpoints: readonly string[]): EtcdClient {
    const url = `etcd://${endpoints.join(",")}?prefix=${this.prefix}`;
    const access = parseEtcdUrl(url, this.settings);
    return new EtcdClient(access, { ...timings, ...this.#options.timings });
  }
}

export function keyOf(prefix: string, { kind, metadata, spec }: Manifest): string {
  if (kind === "IPAMBlock") return blockKey(prefix, (spec as { cidr: string }).cidr);
  return resourceKey(prefix, kind as PluralKind, metadata.name);
}

export function textOf(manifest: Manifest): string {
  return JSON.stringify(manifest.kind === "IPAMBlock" ? manifest["spec"] : manifest);
}

// A datastore of each kind for commands that administer it: a directory, a prefix of a real etcd server, a cluster on
// the Kubernetes test server.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { openRecordStore } from "../../src/datastore/open-records.ts";
import type { RecordKind, RecordStore, RecordValue } from "../../src/datastore/record-store.ts";
import { type CommandResult, causeway } from "./command-line.ts";
import { EtcdServer } from "./etcd-server.ts";
import { ApiServer } from "./kubernetes/api-server.ts";

export const STORE_KINDS = ["file", "etcd", "kubernetes"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

const apiVersion = "projectcalico.org/v3";
let count = 0;

/** A record as tests write them. */
export function record(kind: RecordKind, name: string, spec: RecordValue["spec"]): RecordValue {
  return { apiVersion, kind, metadata: { name }, spec };
}

export const pool = (name: string, cidr: string, spec: object = {}): RecordValue =>
  record("IPPool", name, { cidr, vxlanMode: "Always", ...spec });

export const node = (name: string, address: string, spec: object = {}): RecordValue =>
  record("Node", name, { bgp: { ipv4Address: `${address}/24` }, ...spec });

export const block = (cidr: string, owner: string, spec: object = {}): RecordValue =>
  record("IPAMBlock", cidr.replace(/[.:/]/g, "-"), {
    cidr,
    affinity: `host:${owner}`,
    allocations: [null, null, null, null],
    unallocated: [0, 1, 2, 3],
    attributes: [],
    deleted: false,
    ...spec,
  });

/** One store, and what opens and reaches it. */
export class LabStore {
  readonly url: string;
  readonly store: RecordStore;
  /** What a command needs besides the URL. */
  readonly flags: readonly string[];
  readonly kind: StoreKind;
  readonly #api: ApiServer | undefined;

  constructor(
    kind: StoreKind,
    url: string,
    store: RecordStore,
    reach: { readonly flags?: readonly string[]; readonly api?: ApiServer } = {},
  ) {
    this.kind = kind;
    this.url = url;
    this.store = store;
    this.flags = reach.flags ?? [];
    this.#api = reach.api;
  }

  /** Runs `causeway` on this store. */
  run(...words: string[]): Promise<CommandResult> {
    return causeway([...words, "--datastore", this.url, ...this.flags]);
  }

  /** Writes records as somebody else does; of a node its kubelet first. */
  async put(...records: readonly RecordValue[]): Promise<void> {
    for (const one of records) {
      if (one.kind === "Node") this.addCoreNode(one.metadata.name);
      await this.store.create(one);
    }
  }

  async names(kind: RecordKind): Promise<string[]> {
    return (await this.store.list(kind)).map(({ value }) => value.metadata.name);
  }

  async spec(kind: RecordKind, name: string): Promise<RecordValue["spec"] | undefined> {
    return (await this.store.get(kind, name))?.value.spec;
  }

  /** As a kubelet registers it; nothing elsewhere. */
  addCoreNode(name: string): void {
    this.#api?.store.create("v1 nodes", {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name },
      spec: {},
      status: { addresses: [{ type: "Hostname", address: name }] },
    });
  }
}

/** Makes stores; they go with it. */
export class RecordLab implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "causeway-admin-"));
  readonly #open: RecordStore[] = [];
  readonly #servers: AsyncDisposable[] = [];
  #etcd: Promise<EtcdServer> | undefined;

  async make(kind: StoreKind): Promise<LabStore> {
    switch (kind) {
      case "file": {
        const url = `file:${join(this.directory, `cluster-${count++}`)}`;
        mkdirSync(url.slice("file:".length));
        return new LabStore(kind, url, await this.#store({ datastore: url }));
      }
      case "etcd": {
        const url = `etcd://${(await this.etcd()).endpoint}?prefix=/calico-${count++}`;
        return new LabStore(kind, url, await this.#store({ datastore: url }));
      }
      case "kubernetes": {
        const api = await ApiServer.start();
        this.#servers.push(api);
        const kubeconfig = this.#kubeconfig(api);
        const url = "kubernetes:";
        const store = await this.#store({ datastore: url, kubeconfig });
        return new LabStore(kind, url, store, { flags: ["--kubeconfig", kubeconfig], api });
      }
    }
  }

  /** The server that all stores in etcd are on. */
  etcd(): Promise<EtcdServer> {
    this.#etcd ??= EtcdServer.start();
    return this.#etcd;
  }

  /** A file of records outside of every store. */
  write(name: string, ...records: readonly (RecordValue | string)[]): string {
    const path = join(this.directory, name);
    mkdirSync(join(path, ".."), { recursive: true });
    const texts = records.map((one) => (typeof one === "string" ? one : stringify(one)));
    writeFileSync(path, texts.join("---\n"));
    return path;
  }

  /** Puts a value into etcd past all of us; the whole key. */
  async putRaw({ url }: LabStore, key: string, value: string): Promise<string> {
    const whole = `${new URL(url).searchParams.get("prefix")}${key}`;
    await (await this.etcd()).ctl("put", whole, value);
    return whole;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#open) await store.close();
    if (this.#etcd !== undefined) await (await this.#etcd)[Symbol.asyncDispose]();
    for (const server of this.#servers) await server[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true });
  }

  async #store(settings: { datastore: string; kubeconfig?: string }): Promise<RecordStore> {
    const rest = { kubeconfig: undefined, kubeContext: undefined, etcd: {} };
    const store = await openRecordStore({ ...rest, ...settings });
    this.#open.push(store);
    return store;
  }

  #kubeconfig({ url, ca }: ApiServer): string {
    const path = join(this.directory, `kubeconfig-${count++}`);
    const cluster = {
      server: url,
      "certificate-authority-data": Buffer.from(ca).toString("base64"),
    };
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "test", cluster }],
      users: [{ name: "admin", user: { token: "first" } }],
      contexts: [{ name: "admin", context: { cluster: "test", user: "admin" } }],
      "current-context": "admin",
    };
    writeFileSync(path, stringify(config));
    return path;
  }
}

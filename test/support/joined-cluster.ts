// The datastores that nodes join by themselves, each with a way to get an empty cluster again.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { parseEtcdUrl } from "../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../src/datastore/etcd/client.ts";
import { EtcdRecordStore } from "../../src/datastore/etcd/record-store.ts";
import { ApiClient } from "../../src/datastore/kubernetes/api-client.ts";
import { kubeconfigAccess } from "../../src/datastore/kubernetes/kubeconfig.ts";
import { KubernetesRecordStore } from "../../src/datastore/kubernetes/record-store.ts";
import type { RecordStore } from "../../src/datastore/record-store.ts";
import { EtcdServer } from "./etcd-server.ts";
import { ApiServer } from "./kubernetes/api-server.ts";

export interface EmptyCluster extends AsyncDisposable {
  /** What follows `--datastore`. */
  readonly datastore: string;
  /** More flags for every command. */
  readonly flags: readonly string[];
  readonly store: RecordStore;
}

export interface JoinedDatastore extends AsyncDisposable {
  /** On this machine's loopback. */
  readonly port: number;
  /** @param nodes names of machines that are there, whether registered or not */
  emptyCluster(nodes: readonly string[]): Promise<EmptyCluster>;
}

export async function joinedEtcd(): Promise<JoinedDatastore> {
  const server = await EtcdServer.start();
  let prefixes = 0;
  return {
    port: Number(server.endpoint.split(":")[1]),
    async emptyCluster() {
      const datastore = `etcd://${server.endpoint}?prefix=/join-${++prefixes}`;
      const store = new EtcdRecordStore(new EtcdClient(parseEtcdUrl(datastore, {})));
      return { datastore, flags: [], store, [Symbol.asyncDispose]: () => store.close() };
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export async function joinedKubernetes(): Promise<JoinedDatastore> {
  const server = await ApiServer.start();
  const directory = mkdtempSync(join(tmpdir(), "causeway-joined-"));
  const kubeconfig = join(directory, "kubeconfig");
  writeFileSync(kubeconfig, stringify(kubeconfigOf(server)), { mode: 0o600 });
  return {
    port: server.port,
    async emptyCluster(nodes) {
      for (const kind of server.served) {
        for (const { metadata } of server.store.all(kind)) {
          server.store.delete(kind, metadata.name, undefined);
        }
      }
      for (const name of nodes) addCoreNode(server, name);
      const store = new KubernetesRecordStore(
        new ApiClient(kubeconfigAccess(kubeconfig, undefined)),
      );
      const flags = ["--kubeconfig", kubeconfig];
      const datastore = "kubernetes:";
      return { datastore, flags, store, [Symbol.asyncDispose]: () => store.close() };
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      rmSync(directory, { recursive: true });
    },
  };
}

export function kubeconfigOf(server: ApiServer): object {
  const cluster = {
    server: server.url,
    "certificate-authority-data": Buffer.from(server.ca).toString("base64"),
  };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster }],
    users: [{ name: "agent", user: { token: [...server.tokens][0] } }],
    contexts: [{ name: "test", context: { cluster: "test", user: "agent" } }],
    "current-context": "test",
  };
}

/** As the kubelet registers it. */
function addCoreNode(server: ApiServer, name: string): void {
  server.store.create("v1 nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/os": "linux" } },
    spec: {},
    status: { addresses: [{ type: "Hostname", address: name }] },
  });
}

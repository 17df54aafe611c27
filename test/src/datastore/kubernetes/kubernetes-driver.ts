/** A cluster on the test server, and what kubectl, the kubelet and Calico do to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Datastore } from "../../../../src/datastore/datastore.ts";
import type { Access } from "../../../../src/datastore/kubernetes/access.ts";
import { ApiClient } from "../../../../src/datastore/kubernetes/api-client.ts";
import type { ConnectionTimings } from "../../../../src/datastore/kubernetes/connection.ts";
import {
  KubernetesStore,
  type KubernetesTimings,
} from "../../../../src/datastore/kubernetes/store.ts";
import { RemoteDatastore } from "../../../../src/datastore/remote.ts";
import type { SnapshotFile } from "../../../../src/datastore/snapshot-file.ts";
import type { BlockOrigin } from "../../../../tunnels/model/block-origin.ts";
import type { StoreDriver } from "../../../conformance/datastore.cases.ts";
import type { Manifest } from "../../../conformance/manifests.ts";
import { ApiServer, type ApiServerOptions } from "../../../support/kubernetes/api-server.ts";
import { putManifest, removeManifest } from "../../../support/kubernetes/cluster-objects.ts";

export type CalicoGroup = "crd.projectcalico.org/v1" | "projectcalico.org/v3";

/** Short, so that no test sleeps long. */
export const shortTimings: KubernetesTimings & ConnectionTimings = {
  firstWindow: 50,
  lastWindow: 200,
  steady: 60_000,
  quiet: 20,
  recheck: 100,
  connect: 5_000,
  idle: 300,
  answer: 300,
  watch: 600_000,
  overtime: 300,
};

export interface OpenOptions {
  readonly snapshot?: SnapshotFile;
  readonly blocks?: BlockOrigin;
  readonly timings?: Partial<KubernetesTimings & ConnectionTimings>;
  /** In the server's place. */
  readonly port?: number;
}

export class KubernetesDriver implements StoreDriver {
  readonly server: ApiServer;
  readonly runDir: string = mkdtempSync(join(tmpdir(), "causeway-kubernetes-"));
  /** The group that Calico's kinds are written to. */
  readonly group: CalicoGroup;
  token = "first";

  private constructor(server: ApiServer, group: CalicoGroup) {
    this.server = server;
    this.group = group;
  }

  static async start(
    group: CalicoGroup = "crd.projectcalico.org/v1",
    options: ApiServerOptions = {},
  ): Promise<KubernetesDriver> {
    const server = await ApiServer.start(options);
    if (group === "projectcalico.org/v3") server.serve("crd.projectcalico.org/v1", false);
    return new KubernetesDriver(server, group);
  }

  access(port: number = this.server.port): Access {
    const { server } = this;
    return {
      server: new URL(`https://127.0.0.1:${port}`),
      tls: async () => ({ ca: server.ca }),
      authorization: async () => `Bearer ${this.token}`,
    };
  }

  open(options: OpenOptions = {}): Datastore {
    const { blocks = "auto", snapshot, port } = options;
    const timings = { ...shortTimings, ...options.timings };
    const client = new ApiClient(this.access(port), timings);
    const store = new KubernetesStore(client, { blocks, timings });
    return new RemoteDatastore(store, { snapshot, timings: { patience: 10_000 } });
  }

  async put(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) putManifest(this.server.store, this.group, manifest);
  }

  async remove(...manifests: Manifest[]): Promise<void> {
    for (const manifest of manifests) removeManifest(this.server.store, this.group, manifest);
  }

  async empty(): Promise<void> {
    const { store } = this.server;
    for (const kind of this.server.served) {
      for (const { metadata } of store.all(kind)) store.delete(kind, metadata.name, undefined);
    }
  }

  async disappear(): Promise<void> {
    await this.server.stop();
  }

  async comeBack(): Promise<void> {
    await this.server.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    rmSync(this.runDir, { recursive: true });
  }
}

// One agent of a cluster reads the Kubernetes API, the others files with the same content. Whatever happens to the API
// server, that agent's kernel is in the end what is calculated from the files, and traffic goes on.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { askAgent } from "../../src/cli/agent-client.ts";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { namespacePath } from "../../src/demo/network-namespace.ts";
import { type Resource, topologyResources } from "../../src/demo/topology-resources.ts";
import { type Cluster, eventually, startCluster } from "../support/cluster.ts";
import { dumpDifference, dumpKernel, type KernelDump } from "../support/kernel-dump.ts";
import { ApiServer } from "../support/kubernetes/api-server.ts";
import { putManifest, removeManifest } from "../support/kubernetes/cluster-objects.ts";
import { assertExact } from "../support/node-plan.ts";
import { statusText } from "../support/status-text.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { poolsOf } from "./encap.ts";
import { addressBlock } from "./resources.ts";
import { lossesDuring } from "./traffic.ts";

const NODE = "alder";
const GROUP = "crd.projectcalico.org/v1";
const BLOCK = "10.244.9.0/26";

interface Fault {
  readonly name: string;
  happen(lab: Lab): Promise<void>;
  /** What `causeway status` says meanwhile. */
  readonly text?: RegExp;
  mend?(lab: Lab): Promise<void>;
}

const FAULTS: readonly Fault[] = [
  {
    name: "restarts",
    happen: ({ server }) => server.stop(),
    text: /datastore unreachable: https:.*; going on with the last good state/,
    mend: ({ server }) => server.listen(),
  },
  {
    name: "restarts without its history",
    happen: async ({ server }) => {
      await server.stop();
      server.store.forgetHistory();
    },
    text: /datastore unreachable: https:.*; going on with the last good state/,
    mend: ({ server }) => server.listen(),
  },
  {
    name: "says that its history is gone, within the watches",
    happen: async ({ server }) => {
      server.store.forgetHistory();
      for (const watch of server.watches) watch.expire();
    },
  },
  {
    name: "refuses the token until there is a new one",
    happen: async ({ server }) => {
      server.tokens.clear();
      server.cutConnections();
    },
    text: /datastore unreachable: the API server refuses to list \w+: 401, Unauthorized; going on/,
    mend: async (lab) => {
      lab.server.tokens.add("second");
      writeFileSync(join(lab.directory, "token"), "second\n");
      // It would look by itself, but a minute is long.
      await lab.resync();
    },
  },
  {
    name: "serves Calico's kinds no more, and then again",
    happen: async ({ server }) => {
      server.serve(GROUP, false);
      server.cutWatches();
    },
    text: /datastore incomplete: the cluster serves no \w+, neither in crd.*; going on/,
    mend: async (lab) => {
      lab.server.serve(GROUP, true);
      await lab.resync();
    },
  },
  {
    name: "holds nothing for a while",
    happen: async ({ server }) => {
      for (const kind of server.served) {
        for (const { metadata } of server.store.all(kind)) {
          server.store.delete(kind, metadata.name, undefined);
        }
      }
    },
    text: /datastore (?:empty|incomplete): kubernetes:.* has lost/,
    mend: async (lab) => lab.put(...topologyResources(lab.cluster.topology)),
  },
];

export function kubernetesScenarios(): readonly Scenario[] {
  return FAULTS.map((fault) => ({
    name: `an API server that ${fault.name} takes nothing out of the kernel`,
    run: async () => {
      await using lab = await Lab.start();
      await lab.survives(fault);
    },
  }));
}

class Lab {
  readonly cluster: Cluster;
  readonly server: ApiServer;
  readonly directory: string;

  private constructor(cluster: Cluster, server: ApiServer, directory: string) {
    this.cluster = cluster;
    this.server = server;
    this.directory = directory;
  }

  static async start(): Promise<Lab> {
    const directory = mkdtempSync(join(tmpdir(), "causeway-kubernetes-"));
    const kubeconfig = join(directory, "kubeconfig");
    const cluster = await startCluster({
      pools: poolsOf("vxlan"),
      nodes: [[NODE, "birch"], ["cedar"]],
      podsPerNode: 1,
      agents: ["birch", "cedar"],
      // Of two flags the last one counts.
      nodeFlags: { [NODE]: ["--datastore", "kubernetes:", "--kubeconfig", kubeconfig] },
    });
    const server = await ApiServer.start({ netns: namespacePath(cluster.namespace(NODE)) });
    writeFileSync(join(directory, "token"), "first\n");
    writeFileSync(join(directory, "ca.crt"), server.ca);
    writeFileSync(kubeconfig, kubeconfigText(server));
    const lab = new Lab(cluster, server, directory);
    lab.put(...topologyResources(cluster.topology));
    cluster.agent(NODE).start();
    await cluster.agent(NODE).inSync();
    return lab;
  }

  async survives({ happen, text, mend }: Fault): Promise<void> {
    const { cluster } = this;
    await assertExact(cluster);
    const before = await this.#dump();
    const losses = await lossesDuring(this.#paths(), async () => {
      await happen(this);
      if (text !== undefined) {
        await eventually(async () =>
          assert.match(statusText(await cluster.agent(NODE).status()), text),
        );
      }
      assert.deepEqual(dumpDifference(before, await this.#dump()), []);
      await mend?.(this);
      await eventually(async () => {
        const { datastore } = await cluster.agent(NODE).status();
        assert.equal(datastore.condition.state, "ok");
      }, 60_000);
      await assertExact(cluster);
    });
    assert.deepEqual(losses, { near: 0, far: 0 });
    assert.deepEqual(dumpDifference(before, await this.#dump()), []);
    const block = addressBlock(BLOCK, "cedar");
    cluster.write(block);
    this.put(block);
    await eventually(async () =>
      assert.deepEqual(dumpDifference(before, await this.#dump()), [`+ route ${BLOCK}`]),
    );
    await assertExact(cluster);
    cluster.remove(block.kind, block.metadata.name);
    removeManifest(this.server.store, GROUP, block);
    await eventually(async () => assert.deepEqual(dumpDifference(before, await this.#dump()), []));
  }

  put(...resources: readonly Resource[]): void {
    for (const { apiVersion, kind, metadata, spec } of resources) {
      const full = kind === "IPAMBlock" ? { ...EMPTY_BLOCK, ...spec } : spec;
      putManifest(this.server.store, GROUP, { apiVersion, kind, metadata, spec: full });
    }
  }

  /** As an operator does who does not want to wait. */
  async resync(): Promise<void> {
    await askAgent(this.cluster.agent(NODE).options.runDir, "POST", "/resync");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cluster.dispose();
    await this.server.stop();
    rmSync(this.directory, { recursive: true });
  }

  #dump(): Promise<KernelDump> {
    return dumpKernel(this.cluster.namespace(NODE));
  }

  #paths(): Record<string, EchoPath> {
    return {
      near: this.cluster.path("alder-1", "birch-1", "always"),
      far: this.cluster.path("alder-1", "cedar-1", "always"),
    };
  }
}

const EMPTY_BLOCK = { allocations: [], unallocated: [], attributes: [], strictAffinity: false };

function kubeconfigText({ port }: ApiServer): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "test", user: "agent" } }],
    clusters: [
      {
        name: "test",
        cluster: { server: `https://127.0.0.1:${port}`, "certificate-authority": "ca.crt" },
      },
    ],
    users: [{ name: "agent", user: { tokenFile: "token" } }],
  });
}

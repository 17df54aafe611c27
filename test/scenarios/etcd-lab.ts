// Three etcd servers and a cluster whose agents read them. A node that only the datastore knows is what changes.

import assert from "node:assert/strict";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { demoPools } from "../../src/demo/topology.ts";
import type { Resource } from "../../src/demo/topology-resources.ts";
import { type Cluster, eventually, startCluster } from "../support/cluster.ts";
import { EtcdSite } from "../support/etcd-site.ts";
import { assertExact } from "../support/node-plan.ts";
import { lossesDuring } from "./traffic.ts";

export const NODE = "alder";

/** The servers, and a cluster whose agents read them. */
export class Lab {
  readonly etcd: EtcdSite;
  readonly cluster: Cluster;
  #version = 0;

  private constructor(etcd: EtcdSite, cluster: Cluster) {
    this.etcd = etcd;
    this.cluster = cluster;
  }

  static async start(): Promise<Lab> {
    const etcd = await EtcdSite.start();
    const pools = demoPools({ ipip: false, ipv6: true });
    const nodes = [[NODE, "birch"], ["cedar"]];
    try {
      const options = { pools, nodes, podsPerNode: 1, ...etcd.clusterOptions };
      return new Lab(etcd, await startCluster(options));
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
  }

  async dispose(): Promise<void> {
    await this.cluster.dispose();
    await this.etcd[Symbol.asyncDispose]();
  }

  /** A node changes its tunnel address, its block goes and another one comes. */
  async change(): Promise<void> {
    const [, oldBlock] = elm(this.#version);
    await this.etcd.write(...elm(++this.#version));
    await this.etcd.remove("IPAMBlock", oldBlock.metadata.name);
  }

  /** Every kernel has what the last change asks for, within `patienceMs`, and is as calculated. */
  async becomesExact(patienceMs = 30_000): Promise<void> {
    const [, { spec }] = elm(this.#version);
    const end = Date.now() + patienceMs;
    for (const { name } of this.cluster.topology.nodes) {
      await eventually(async () => {
        const route = await this.cluster.ip(name, "route", "show", String(spec["cidr"]));
        assert.notEqual(route, "", `route of ${spec["cidr"]} on ${name}`);
      }, end - Date.now());
    }
    await assertExact(this.cluster);
  }

  async isLost(): Promise<void> {
    for (const { name } of this.cluster.topology.nodes) {
      await this.cluster
        .agent(name)
        .until(
          ({ datastore }) => datastore.condition.state === "unreachable",
          60_000,
          "without its datastore",
        );
    }
  }

  async withoutLoss(action: () => Promise<void>): Promise<void> {
    const { cluster } = this;
    const paths: Record<string, EchoPath> = {
      near: cluster.path("alder-1", "birch-1", "vxlan"),
      far: cluster.path("alder-1", "cedar-1", "vxlan"),
      direct: cluster.path("alder-1", "birch-1", "cross"),
      far6: cluster.path("alder-1", "cedar-1", "vxlan6"),
    };
    const losses = await lossesDuring(paths, action);
    assert.deepEqual(losses, { near: 0, far: 0, direct: 0, far6: 0 });
  }
}

/** A node of the cluster that exists only in the datastore; each version has a block of its own. */
function elm(version: number): [Resource, Resource] {
  const cidr = `10.244.${100 + version}.0/26`;
  const apiVersion = "projectcalico.org/v3";
  const address = cidr.replace("/26", "");
  return [
    {
      apiVersion,
      kind: "Node",
      metadata: { name: "elm" },
      spec: { bgp: { ipv4Address: "192.0.2.99/26" }, ipv4VXLANTunnelAddr: address },
    },
    {
      apiVersion,
      kind: "IPAMBlock",
      metadata: { name: cidr.replaceAll(/[./]/g, "-") },
      spec: { cidr, affinity: "host:elm" },
    },
  ];
}

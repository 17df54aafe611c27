/** Nodes that register themselves at once in a Kubernetes cluster, in both forms of Calico's kinds. */
import { describe, expect, test } from "vitest";
import { ApiClient } from "../../../src/datastore/kubernetes/api-client.ts";
import { KubernetesRecordStore } from "../../../src/datastore/kubernetes/record-store.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import { pool, register, vxlanPool } from "../../support/register-lab.ts";
import { type CalicoGroup, KubernetesDriver } from "../datastore/kubernetes/kubernetes-driver.ts";

const names = Array.from({ length: 6 }, (_, at) => `node-${at}`);

describe.each<CalicoGroup>(["crd.projectcalico.org/v1", "projectcalico.org/v3"])("%s", (group) => {
  test("six nodes that start at once share a cluster, 3 times over", async () => {
    await using cluster = await KubernetesDriver.start(group);
    const open = () => new KubernetesRecordStore(new ApiClient(cluster.access()));
    for (let round = 0; round < 3; round++) {
      await cluster.empty();
      for (const name of names) addCoreNode(cluster, name);
      const store = open();
      await store.create(vxlanPool("vxlan", "10.244.0.0/24", { blockSize: 27 }));
      await store.create(vxlanPool("other", "10.1.0.0/16", { nodeSelector: "zone != 'a'" }));
      await store.create(pool("ipip", "10.245.0.0/24", { ipipMode: "Always", blockSize: 27 }));
      const stores = names.map(open);
      const pass = () =>
        Promise.all(
          names.map((name, at) => register(stores[at] as never, name, `192.0.2.${at}/24`)),
        );
      await pass();
      expect(await checkIpam(store)).toEqual([]);
      const blocks = await store.list("IPAMBlock");
      const owners = blocks.map(({ value }) => String(value.spec["affinity"])).sort();
      expect(owners).toEqual(names.flatMap((name) => Array(2).fill(`host:${name}`)));
      const before = cluster.server.store.all("v1 nodes").map(({ metadata }) => metadata);
      expect(before[1]?.["annotations"]).toMatchObject({
        "projectcalico.org/IPv4Address": "192.0.2.1/24",
        "projectcalico.org/IPv4VXLANTunnelAddr": expect.stringMatching(/^10\.244\.0\./),
        "projectcalico.org/IPv4IPIPTunnelAddr": expect.stringMatching(/^10\.245\.0\./),
        "causeway/machine": "machine of node-1",
        "node.alpha.kubernetes.io/ttl": "0",
      });
      await pass();
      expect(cluster.server.store.all("v1 nodes").map(({ metadata }) => metadata)).toEqual(before);
      expect(await store.list("IPAMBlock")).toEqual(blocks);
      for (const one of [store, ...stores]) await one.close();
    }
  });
});

/** As the kubelet registers it; the label keeps the node out of the pool "other". */
function addCoreNode({ server }: KubernetesDriver, name: string): void {
  server.store.create("v1 nodes", {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: { zone: "a" },
      annotations: { "node.alpha.kubernetes.io/ttl": "0" },
    },
    spec: { podCIDR: "10.99.1.0/24", podCIDRs: ["10.99.1.0/24"] },
    status: { addresses: [{ type: "InternalIP", address: "192.0.2.99" }] },
  });
}

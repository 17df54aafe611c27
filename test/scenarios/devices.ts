// The tunnel devices: every attribute as the kernel shows it.

import assert from "node:assert/strict";
import { type Cluster, startCluster } from "../support/cluster.ts";
import { dumpDifference, dumpKernel } from "../support/kernel-dump.ts";
import { assertCalculated, assertExact } from "../support/node-plan.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf, TUNNEL_MTU } from "./encap.ts";
import { felixConfiguration } from "./resources.ts";

/** A link of `ip -d -j link show`, as far as it is looked at here. */
interface LinkShown {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address?: string;
  readonly linkinfo?: { readonly info_kind: string; readonly info_data: Record<string, unknown> };
}

export function deviceScenarios(encap: Encap): readonly Scenario[] {
  return [
    {
      name: "a device has the attributes of its encapsulation",
      run: async () => {
        await using cluster = await startCluster({ pools: poolsOf(encap), nodes: [["alder"]] });
        const shown = JSON.parse(
          await cluster.ip("alder", "-d", "-j", "link", "show"),
        ) as LinkShown[];
        const device = (name: string): LinkShown | undefined =>
          shown.find(({ ifname }) => ifname === name);
        const [v4, v6] = [device(DEVICE[encap]), device("vxlan6.causeway")];
        assert.ok(v4 && v6);
        for (const link of [v4, v6]) assert.ok(link.flags.includes("UP"));
        assert.equal(v6.linkinfo?.info_kind, "vxlan");
        assert.equal(v6.mtu, 1430);
        assertVxlan(v6, { link: "eth0", local6: "2001:db8:0:1::10" });
        if (encap === "ipip") {
          assert.equal(v4.linkinfo?.info_kind, "ipip");
          assert.equal(v4.mtu, 1480);
          const { local, remote, ttl, pmtudisc } = v4.linkinfo.info_data;
          assert.deepEqual([local, remote, ttl, pmtudisc], ["192.0.2.10", "any", 0, true]);
        } else {
          assert.equal(v4.linkinfo?.info_kind, "vxlan");
          assert.equal(v4.mtu, 1450);
          assertVxlan(v4, { link: "eth0", local: "192.0.2.10" });
        }
      },
    },
    {
      name: "a device goes when its encapsulation is turned off, that of IPv6 only with its pools",
      run: async () => {
        await using cluster = await startCluster({
          pools: poolsOf(encap),
          nodes: [["alder"], ["cedar"]],
          podsPerNode: 1,
        });
        const before = await dumpKernel(cluster.namespace("alder"));
        cluster.write(felixConfiguration({ [`${encap}Enabled`]: false }));
        await assertCalculated(cluster);
        assert.deepEqual(await devicesOf(cluster), ["vxlan6.causeway"]);
        const { problems } = await cluster.agent("alder").status();
        const word = encap === "vxlan" ? "VXLAN" : "IP-in-IP";
        for (const pool of ["always", "cross"]) {
          const found = problems.find(({ subject }) => subject === `pool "${pool}"`);
          assert.ok(found?.reason.startsWith(`${word} is turned off by ${encap}Enabled`));
        }
        assert.equal((await cluster.ping("alder-1", "cedar-1", "always6")).largest, 1430);
        for (const pool of ["always6", "cross6"]) {
          cluster.change("IPPool", pool, { vxlanMode: "Never" });
        }
        await assertCalculated(cluster);
        assert.deepEqual(await devicesOf(cluster), []);
        cluster.remove("FelixConfiguration", "default");
        cluster.change("IPPool", "always6", { vxlanMode: "Always" });
        cluster.change("IPPool", "cross6", { vxlanMode: "CrossSubnet" });
        await assertExact(cluster);
        const after = await dumpKernel(cluster.namespace("alder"));
        assert.deepEqual(dumpDifference(before, after), []);
        assert.equal(
          (await cluster.ping("alder-1", "cedar-1", "always")).largest,
          TUNNEL_MTU[encap],
        );
      },
    },
  ];
}

async function devicesOf(cluster: Cluster): Promise<string[]> {
  const links = JSON.parse(await cluster.ip("alder", "-j", "link", "show")) as LinkShown[];
  return links.map(({ ifname }) => ifname).filter((name) => name.endsWith(".causeway"));
}

function assertVxlan({ linkinfo }: LinkShown, own: Record<string, string>): void {
  const data = linkinfo?.info_data ?? {};
  const { id, port, learning, proxy, l2miss, l3miss, external, gbp } = data;
  assert.deepEqual(
    { id, port, learning: learning ?? false },
    { id: 4096, port: 4789, learning: false },
  );
  for (const flag of [proxy, l2miss, l3miss, external, gbp]) assert.ok(!flag);
  for (const [name, value] of Object.entries(own)) assert.equal(data[name], value);
}

// Tunnel devices of others in the way of ours: the kernel refuses, both are named, and the way is taken once it is free.

import assert from "node:assert/strict";
import { startCluster } from "../support/cluster.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { DEVICE, type Encap, poolsOf } from "./encap.ts";

interface Clash {
  readonly name: string;
  /** `ip link` commands that make the device "other". */
  readonly make: readonly string[];
  readonly conflict: string;
}

const ENDS = "local 192.0.2.10 remote any dev eth0";
const CLASHES: Readonly<Record<Encap, readonly Clash[]>> = {
  vxlan: [
    {
      name: "our VNI and port",
      make: ["add other type vxlan id 4096 dstport 4789 dev eth0"],
      conflict: "VNI 4096 on UDP port 4789",
    },
    {
      name: "our port, for VNIs of every packet's own",
      make: ["add other type vxlan external dstport 4789", "set other up"],
      conflict: "UDP port 4789",
    },
  ],
  ipip: [
    {
      name: "our ends",
      make: [`add other type ipip ${ENDS}`],
      conflict: `IP-in-IP endpoints ${ENDS}`,
    },
  ],
};

export function deviceClashScenarios(encap: Encap): readonly Scenario[] {
  const device = DEVICE[encap];
  return CLASHES[encap].map(({ name, make, conflict }) => ({
    name: `a foreign device with ${name} is named beside ours, and ours comes when it goes`,
    run: async () => {
      const options = { pools: poolsOf(encap), nodes: [["alder"], ["cedar"]], agents: [] };
      await using cluster = await startCluster(options);
      for (const words of make) await cluster.ip("alder", "link", ...words.split(" "));
      const agent = cluster.agent("alder");
      agent.start();
      const status = await agent.until(({ failing }) => failing.length > 0);
      assert.equal(status.state, "degraded");
      const found = status.conflicts.filter(({ winner }) => winner === "device other");
      assert.deepEqual(found.map(({ kind, value, losers }) => [`${kind} ${value}`, losers]).at(0), [
        conflict,
        [`device ${device}`],
      ]);
      assert.ok(status.failing.some((held) => held.name === `device ${device}`));
      await cluster.ip("alder", "link", "delete", "other");
      assert.deepEqual((await agent.inSync()).conflicts, []);
    },
  }));
}

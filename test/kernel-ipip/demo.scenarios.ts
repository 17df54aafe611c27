// The demo in the guest, where it has its IP-in-IP pool: four agents, every pod to every other, both families.

import assert from "node:assert/strict";
import { runDemo } from "../../src/demo/demo-run.ts";
import { kernelAbilities } from "../../src/demo/kernel-abilities.ts";
import { Site } from "../../src/demo/site.ts";
import { demoPools, demoTopology } from "../../src/demo/topology.ts";
import type { Scenario } from "../support/uml-scenario.ts";

const PREFIX = "cwdemo-guest-";

export const demoScenarios: readonly Scenario[] = [
  {
    name: "the demo passes all its checks, IP-in-IP pool included",
    run: async () => {
      const abilities = await kernelAbilities(PREFIX);
      assert.ok(abilities.ipip && abilities.vxlan && abilities.ipv6);
      const topology = demoTopology({ pools: demoPools(abilities) });
      const site = await Site.build({ topology, prefix: PREFIX });
      try {
        const report = await runDemo(site, abilities, { print() {}, progress() {} });
        const failed = report.checks.filter(({ ok }) => !ok);
        assert.deepEqual(failed, []);
        assert.equal(report.pairs.length, 280);
        const overIpip = report.pairs.filter(({ taken }) => taken === "ipip");
        assert.equal(overIpip.length, 48);
      } finally {
        await site.remove();
      }
    },
  },
];

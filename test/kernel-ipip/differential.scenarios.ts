// The userspace encapsulator against the guest's ipip, sit and ip6tnl devices: the same packets into both, and what
// comes out compared byte by byte.

import assert from "node:assert/strict";
import { runDifferential } from "../support/differential/run.ts";
import { IPIP_TUNNELS } from "../support/differential/tunnels.ts";
import type { Scenario } from "../support/uml-scenario.ts";

const PACKETS = 1_000;
const SEED = 20_261_129;

export const differentialScenarios: readonly Scenario[] = IPIP_TUNNELS.map((tunnel) => ({
  name: `${tunnel.name}: the kernel's device and ours do the same with 1,000 packets`,
  run: async () => {
    for (const result of await runDifferential(tunnel, PACKETS, SEED)) {
      assert.deepEqual(result.unexplained, []);
      assert.equal(result.alike, PACKETS);
      assert.ok(result.passed > PACKETS / 3, `${result.passed} passed`);
    }
  },
}));

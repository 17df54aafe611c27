// Every scenario of a cluster of nodes: each runs for each encapsulation, on this machine's kernel as far as it has
// the device (test/netns/scenarios.test.ts) and in User Mode Linux (test/kernel-ipip). A new file is a line here.
//
// The guest has no vitest: scenarios assert with node:assert, and throw where something is wrong.

import type { Scenario } from "../support/uml-scenario.ts";
import { datastoreLossScenarios } from "./datastore-loss.ts";
import { deviceClashScenarios } from "./device-clashes.ts";
import { deviceScenarios } from "./devices.ts";
import type { Encap } from "./encap.ts";
import { explainScenarios } from "./explain.ts";
import { handMadePeerScenarios } from "./hand-made-peer.ts";
import { migrationScenarios } from "./migration.ts";
import { modeChangeScenarios } from "./mode-changes.ts";
import { planScenarios } from "./plan-as-commands.ts";
import { repairScenarios } from "./repairs.ts";
import { resourceChangeScenarios } from "./resource-changes.ts";
import { restartScenarios } from "./restart.ts";
import { reversePathScenarios } from "./reverse-path.ts";
import { stormScenarios } from "./storms.ts";
import { tunnelAddressScenarios } from "./tunnel-addresses.ts";
import { underlayChangeScenarios } from "./underlay-changes.ts";
import { vtepRowScenarios } from "./vtep-rows.ts";

const FILES: readonly ((encap: Encap) => readonly Scenario[])[] = [
  datastoreLossScenarios,
  deviceClashScenarios,
  deviceScenarios,
  explainScenarios,
  handMadePeerScenarios,
  migrationScenarios,
  modeChangeScenarios,
  planScenarios,
  repairScenarios,
  resourceChangeScenarios,
  stormScenarios,
  reversePathScenarios,
  tunnelAddressScenarios,
  underlayChangeScenarios,
  vtepRowScenarios,
  restartScenarios,
];

/** Those of one file belong together: they may share a cluster. */
export function scenarioGroups(encap: Encap): readonly (readonly Scenario[])[] {
  return FILES.map((scenarios) =>
    scenarios(encap).map(({ name, run }) => ({ name: `${encap}: ${name}`, run })),
  );
}

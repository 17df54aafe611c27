// Everything that runs in User Mode Linux: what each guest runs in one boot, in this order.

import { scenarioGroups } from "../scenarios/all.ts";
import { carryingScenarios } from "../scenarios/userspace.ts";
import { vtepRowScenarios } from "../scenarios/vtep-rows.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { demoScenarios } from "./demo.scenarios.ts";
import { differentialScenarios } from "./differential.scenarios.ts";
import { guestKernelScenarios } from "./guest-kernel.scenarios.ts";
import { netlinkKernelScenarios } from "./netlink-kernel.scenarios.ts";

const GROUPS: readonly (readonly Scenario[])[] = [
  [...guestKernelScenarios, ...netlinkKernelScenarios, ...demoScenarios],
  differentialScenarios,
  carryingScenarios(),
  ...scenarioGroups("ipip"),
  // Of VXLAN what has no counterpart above: this kernel is older than the machine's.
  vtepRowScenarios("vxlan"),
];

/** Two, each with every other group. */
export const guests: readonly (readonly Scenario[])[] = [0, 1].map((guest) =>
  GROUPS.filter((_, at) => at % 2 === guest).flat(),
);

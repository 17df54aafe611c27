// Everything that one boot of the guest runs, in this order.

import { scenariosOf } from "../scenarios/all.ts";
import { vtepRowScenarios } from "../scenarios/vtep-rows.ts";
import type { Scenario } from "../support/uml-scenario.ts";
import { demoScenarios } from "./demo.scenarios.ts";
import { guestKernelScenarios } from "./guest-kernel.scenarios.ts";
import { netlinkKernelScenarios } from "./netlink-kernel.scenarios.ts";

export const allScenarios: readonly Scenario[] = [
  ...guestKernelScenarios,
  ...netlinkKernelScenarios,
  ...demoScenarios,
  ...scenariosOf("ipip"),
  // Of VXLAN what has no counterpart above: this kernel is older than the machine's.
  ...vtepRowScenarios("vxlan"),
];

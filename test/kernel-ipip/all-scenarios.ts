// Everything that one boot of the guest runs, in this order.

import type { Scenario } from "../support/uml-scenario.ts";
import { demoScenarios } from "./demo.scenarios.ts";
import { guestKernelScenarios } from "./guest-kernel.scenarios.ts";

export const allScenarios: readonly Scenario[] = [...guestKernelScenarios, ...demoScenarios];

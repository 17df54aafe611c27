// The script that runs in the User Mode Linux guest.

import { runScenarios } from "../support/uml-scenario.ts";
import { allScenarios } from "./all-scenarios.ts";

await runScenarios(allScenarios);

// The script that runs in the User Mode Linux guest; its arguments name the scenarios.

import { runScenarios } from "../support/uml-scenario.ts";
import { guests } from "./guests.ts";

await runScenarios(guests.flat(), process.argv.slice(2));
// A cluster that scenarios share lives on if the last of them was not picked.
process.exit();

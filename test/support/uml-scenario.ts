// Scenarios that run together in one User Mode Linux guest: the guest's half. The host's half reads the results
// that this writes, one JSON object a line, and makes a test of each.

import { appendFileSync } from "node:fs";

export interface Scenario {
  readonly name: string;
  run(): Promise<void>;
}

export interface ScenarioResult {
  readonly name: string;
  readonly milliseconds: number;
  /** The stack of what was thrown; absent if all was well. */
  readonly error?: string;
}

export const RESULTS_FILE = "scenarios.ndjson";

/** Those named in `names`, one after the other; a failing one does not stop the rest. */
export async function runScenarios(
  scenarios: readonly Scenario[],
  names: readonly string[],
): Promise<void> {
  for (const { name, run } of scenarios) {
    if (!names.includes(name)) continue;
    const start = performance.now();
    let failure: { error: string } | undefined;
    try {
      await run();
    } catch (error) {
      failure = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    const result: ScenarioResult = { name, milliseconds: performance.now() - start, ...failure };
    appendFileSync(`/run/results/${RESULTS_FILE}`, `${JSON.stringify(result)}\n`);
  }
}

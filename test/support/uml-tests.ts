// Scenarios that run together in one User Mode Linux guest: the host's half, a test for each of them.

import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { runInUml, type UmlRun, umlObstacle } from "./uml.ts";
import { RESULTS_FILE, type Scenario, type ScenarioResult } from "./uml-scenario.ts";

/**
 * Declares a test for each scenario. `guestFile` is the script, below test/, that hands them to runScenarios in the
 * guest; it runs compiled. Only what is to be run here is run there.
 */
export function testInUml(
  title: string,
  guestFile: string,
  scenarios: readonly Scenario[],
  timeoutMs: number,
): void {
  const obstacle = umlObstacle();
  describe(title, () => {
    let run: UmlRun | undefined;
    const results = new Map<string, ScenarioResult>();

    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the fixtures that a hook wants off its first argument.
    beforeAll(async ({}, { tasks }) => {
      if (obstacle !== undefined) return;
      const args = tasks.filter(({ mode }) => mode === "run").map(({ name }) => name);
      const compiled = guestFile.replace(/\.ts$/, ".js");
      const script = fileURLToPath(new URL(`../../.cache/js/test/${compiled}`, import.meta.url));
      run = await runInUml({ script, args, timeoutMs });
      for (const line of run.file(RESULTS_FILE)?.trim().split("\n") ?? []) {
        const result = JSON.parse(line) as ScenarioResult;
        results.set(result.name, result);
      }
    }, timeoutMs + 10_000);

    for (const { name } of scenarios) {
      test(name, (context) => {
        if (obstacle !== undefined) context.skip(obstacle);
        const result = results.get(name);
        if (result === undefined) {
          const { status, output, console } = run ?? { status: "none", output: "", console: "" };
          expect.fail(`the guest did not get to it (status ${status}).\n${output}\n${console}`);
        }
        if (result.error !== undefined) expect.fail(`in the guest: ${result.error}`);
      });
    }
  });
}

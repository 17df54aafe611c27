// Scenarios that run together in User Mode Linux guests: the host's half, a test for each of them.

import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { runInUml, type UmlRun, umlObstacle } from "./uml.ts";
import { RESULTS_FILE, type Scenario, type ScenarioResult } from "./uml-scenario.ts";

/**
 * Declares a test for each scenario. `guests` says which of them share a guest, in order; the guests run at the same
 * time, because one uses a single processor. `guestFile` is the script, below test/, that hands the scenarios to
 * runScenarios in the guest; it runs compiled. Only what is to be run here is run there.
 */
export function testInUml(
  title: string,
  guestFile: string,
  guests: readonly (readonly Scenario[])[],
  timeoutMs: number,
): void {
  const obstacle = umlObstacle();
  describe(title, () => {
    const runs = new Map<string, UmlRun>();
    const results = new Map<string, ScenarioResult>();

    async function runGuest(names: readonly string[]): Promise<void> {
      if (names.length === 0) return;
      const compiled = guestFile.replace(/\.ts$/, ".js");
      const script = fileURLToPath(new URL(`../../.cache/js/test/${compiled}`, import.meta.url));
      const run = await runInUml({ script, args: names, timeoutMs });
      for (const name of names) runs.set(name, run);
      for (const line of run.file(RESULTS_FILE)?.trim().split("\n") ?? []) {
        const result = JSON.parse(line) as ScenarioResult;
        results.set(result.name, result);
      }
    }

    // biome-ignore lint/correctness/noEmptyPattern: Vitest reads the fixtures that a hook wants off its first argument.
    beforeAll(async ({}, { tasks }) => {
      if (obstacle !== undefined) return;
      const picked = new Set(tasks.filter(({ mode }) => mode === "run").map(({ name }) => name));
      await Promise.all(
        guests.map((guest) =>
          runGuest(guest.map(({ name }) => name).filter((name) => picked.has(name))),
        ),
      );
    }, timeoutMs + 10_000);

    for (const { name } of guests.flat()) {
      test(name, (context) => {
        if (obstacle !== undefined) context.skip(obstacle);
        const result = results.get(name);
        if (result === undefined) {
          const { status, output, console } = runs.get(name) ?? {};
          expect.fail(`the guest did not get to it (status ${status}).\n${output}\n${console}`);
        }
        if (result.error !== undefined) expect.fail(`in the guest: ${result.error}`);
      });
    }
  });
}

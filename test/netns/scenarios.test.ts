// The scenarios of test/scenarios on this machine's kernel, for each encapsulation that it has. All of them run in
// User Mode Linux as well, see test/kernel-ipip. Compiled, as there, because Node cannot start a thread from TypeScript.

import { afterAll, describe, test } from "vitest";
import { kernelAbilities } from "../../src/demo/kernel-abilities.ts";
import type { Encap } from "../scenarios/encap.ts";

const compiled = new URL("../../.cache/js/test/scenarios/all.js", import.meta.url).href;
const { scenarioGroups } = (await import(compiled)) as typeof import("../scenarios/all.ts");
const TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;
const kernel = isRoot ? await kernelAbilities(`cwtest-${process.pid}-0-`) : undefined;
const encaps = (["vxlan", "ipip"] as const satisfies readonly Encap[]).filter(
  (encap) => kernel?.[encap] ?? encap === "vxlan",
);

afterAll(() => kernel?.restore());

describe.each(encaps)("on this machine's kernel", (encap) => {
  for (const { name, run } of scenarioGroups(encap).flat()) {
    test(
      name,
      async (context) => {
        if (!isRoot) context.skip("needs root");
        await run();
      },
      TIMEOUT_MS,
    );
  }
});

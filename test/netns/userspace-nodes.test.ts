// Nodes of both kinds in one overlay, on this machine's kernel. Compiled, because Node cannot start a thread from
// TypeScript.

import { test } from "vitest";

const compiled = new URL("../../.cache/js/test/scenarios/userspace.js", import.meta.url).href;
const { userspaceScenarios } = (await import(
  compiled
)) as typeof import("../scenarios/userspace.ts");
const TIMEOUT_MS = 120_000;
const isRoot = process.getuid?.() === 0;

for (const { name, run } of userspaceScenarios()) {
  test(
    name,
    async (context) => {
      if (!isRoot) context.skip("needs root");
      await run();
    },
    TIMEOUT_MS,
  );
}

// Agents that read a real etcd, through everything that can happen to it. Compiled, because Node cannot start a thread
// from TypeScript. CAUSEWAY_TEST_ETCD_ABSENCE=60 makes the longest absence of etcd 60 s instead of 20.

import { test } from "vitest";

const compiled = new URL("../../.cache/js/test/scenarios/etcd.js", import.meta.url).href;
const { etcdScenarios } = (await import(compiled)) as typeof import("../scenarios/etcd.ts");
const TIMEOUT_MS = 180_000;
const isRoot = process.getuid?.() === 0;

for (const { name, run } of etcdScenarios()) {
  test(
    name,
    async (context) => {
      if (!isRoot) context.skip("needs root");
      await run();
    },
    TIMEOUT_MS,
  );
}

// An agent on the Kubernetes API, on this machine's kernel. Compiled, because Node cannot start a thread from TypeScript.

import { describe, test } from "vitest";

const compiled = new URL("../../.cache/js/test/scenarios/kubernetes.js", import.meta.url).href;
const { kubernetesScenarios } = (await import(
  compiled
)) as typeof import("../scenarios/kubernetes.ts");
const isRoot = process.getuid?.() === 0;

describe("an agent on the Kubernetes API", () => {
  for (const { name, run } of kubernetesScenarios()) {
    test(name, async (context) => {
      if (!isRoot) context.skip("needs root");
      await run();
    }, 180_000);
  }
});

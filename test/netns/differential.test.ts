// The userspace encapsulator against this machine's own vxlan device: the same packets into both, and what comes out
// compared byte by byte. Compiled, because Node cannot start a thread from TypeScript. `npm run bench -- differential`
// does it with twenty times as many.

import { beforeEach, expect, test } from "vitest";

const compiled = (path: string): string =>
  new URL(`../../.cache/js/test/${path}`, import.meta.url).href;
const { runDifferential } = (await import(
  compiled("support/differential/run.js")
)) as typeof import("../support/differential/run.ts");
const { ALLOWED } = (await import(
  compiled("support/differential/allowed.js")
)) as typeof import("../support/differential/allowed.ts");
const { VXLAN_TUNNELS } = (await import(
  compiled("support/differential/tunnels.js")
)) as typeof import("../support/differential/tunnels.ts");

const PACKETS = 1_000;
const SEED = 20_261_129;
const isRoot = process.getuid?.() === 0;
const needed = new Set<string>();

beforeEach((context) => {
  if (!isRoot) context.skip("needs root");
});

test.each(VXLAN_TUNNELS)(
  "$name: the kernel's device and ours do the same with 1,000 packets",
  async (tunnel) => {
    for (const result of await runDifferential(tunnel, PACKETS, SEED)) {
      expect(result.unexplained).toEqual([]);
      expect(result).toMatchObject({ packets: PACKETS, alike: PACKETS });
      // Had few come through, little would have been compared.
      expect(result.passed).toBeGreaterThan(PACKETS / 3);
      for (const name of Object.keys(result.allowed)) needed.add(name);
    }
  },
);

test("no difference is allowed that there is not", () => {
  expect(ALLOWED.map(({ name }) => name).filter((name) => !needed.has(name))).toEqual([]);
});

import { pino } from "pino";
import { expect, test } from "vitest";
import { openJoining } from "../../../src/cli/joining.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";

async function joins(...flags: [name: string, value: unknown][]): Promise<boolean> {
  const inputs = { flags: Object.fromEntries(flags), env: {}, configFile: undefined };
  const { config } = loadConfig(inputs, []);
  const joining = await openJoining(config, new FakeKernel(), pino({ level: "silent" }));
  await joining?.close();
  return joining !== undefined;
}

const FILES: [string, string] = ["datastore", "file:/nowhere"];
const ETCD: [string, string] = ["datastore", "etcd://127.0.0.1:1"];

test.each<[string, [string, unknown][], boolean]>([
  ["in a store that all nodes share", [ETCD], true],
  ["in a directory of files, if it is asked to", [FILES, ["register", true]], true],
  ["not in a directory of files by itself", [FILES], false],
  ["not where it is told not to", [ETCD, ["register", false]], false],
  ["not where the blocks are podCIDRs", [ETCD, ["blocks", "podCIDR"]], false],
])("an agent may register its node %s", async (_, flags, expected) => {
  expect(await joins(...flags)).toBe(expected);
});

test("an agent refuses to claim blocks that nobody would look at", async () => {
  await expect(joins(ETCD, ["register", true], ["blocks", "podCIDR"])).rejects.toThrow(
    "--register claims blocks of pools, and --blocks podCIDR has no use for them",
  );
});

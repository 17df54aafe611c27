import { expect, test } from "vitest";
import { CausewayError } from "../../../src/errors.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import { pool, records, register, vxlanPool } from "../../support/register-lab.ts";

const V4 = "192.0.2.1/24";
const twoPools = () =>
  records(vxlanPool("a", "10.1.0.0/24"), pool("b", "10.2.0.0/24", { ipipMode: "Always" }));

test("a node with another name keeps its blocks, and nothing of the former name is left", async () => {
  const shared = twoPools();
  const before = await register(shared.open(), "alder", V4);
  const after = await register(shared.open(), "alder renamed", V4);
  expect(after.blocks.map(({ cidr }) => cidr)).toEqual(before.blocks.map(({ cidr }) => cidr));
  expect(shared.all("Node").map(({ value }) => value.metadata.name)).toEqual(["alder renamed"]);
  const owners = shared.all("IPAMBlock").map(({ value }) => value.spec["affinity"]);
  expect(owners).toEqual(["host:alder renamed", "host:alder renamed"]);
  expect(await checkIpam(shared.open())).toEqual([]);
  const { writes } = shared;
  await register(shared.open(), "alder renamed", V4);
  expect(shared.writes).toBe(writes);
});

test("a node does not take over another machine that claims its address", async () => {
  const shared = twoPools();
  await register(shared.open(), "alder", V4);
  const alder = shared.get("Node", "alder");
  if (alder === undefined) throw new Error("no Node");
  const { metadata } = alder.value;
  const other = { ...metadata, annotations: { "causeway/machine": "another" } };
  shared.write({ ...alder.value, metadata: other }, alder.revision);
  await register(shared.open(), "alder renamed", V4);
  expect(shared.all("Node")).toHaveLength(2);
  expect(shared.all("IPAMBlock")).toHaveLength(4);
  expect(await checkIpam(shared.open())).toEqual([]);
});

test("a take-over ends whole, whatever is lost on the way", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const shared = twoPools();
    await register(shared.open(), "alder", V4);
    let state = seed;
    const random = (): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    for (let done = false; !done; ) {
      try {
        const store = shared.open({ random, lostAnswers: 0.15, failures: 0.15 });
        await register(store, "alder renamed", V4);
        done = true;
      } catch (error) {
        if (!(error instanceof CausewayError)) throw error;
      }
    }
    expect(shared.all("Node")).toHaveLength(1);
    expect(shared.all("IPAMBlock")).toHaveLength(2);
    expect(await checkIpam(shared.open())).toEqual([]);
  }
});

/** What a Calico v3 etcd holds, through a real server and the whole calculation to routes and VTEPs. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";
import { NodeView } from "../../../tunnels/desired/node-view.ts";
import { resource, twin } from "../../../tunnels/desired/notation.ts";
import { ROUTE_CASES } from "../../../tunnels/desired/route-cases.ts";
import { calicoRecord } from "./calico-records.ts";
import { EtcdDriver } from "./etcd-driver.ts";

const DUMP = new URL("../../../fixtures/datastore/calico-etcd.ndjson", import.meta.url);

let server: EtcdServer;
beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

/** Alder's view of everything that a follower has. */
function viewOf({ resources }: StoreFollower): NodeView {
  const view = new NodeView();
  const changes = [...resources.values()].map((one) => ({
    kind: one.kind,
    name: one.name,
    resource: one,
  }));
  view.overlay.change(changes);
  return view;
}

test("a dump of a Calico etcd gives its routes and VTEPs", async () => {
  await using driver = new EtcdDriver(server);
  const lines = readFileSync(DUMP, "utf8").trim().split("\n");
  const pairs = lines.map((line): [string, string] => {
    const { key, value } = JSON.parse(line) as { key: string; value: unknown };
    const below = key.replace("/calico", driver.prefix);
    return [below, value === "" ? "" : JSON.stringify(value)];
  });
  await driver.write(pairs);
  await using store = new StoreFollower(driver.open());
  await store.until(({ last }) => last?.inSync === true);
  expect(store.faults.filter(({ severity }) => severity === "error")).toEqual([]);
  const view = viewOf(store);
  const birch = "dev vxlan.causeway onlink";
  expect(view.wants("route", "neighbour", "fdb")).toEqual(
    [
      // Birch, whose record names its MAC, is in our subnet and has a pod in our own block.
      "neighbour 10.77.0.64 lladdr 66:01:02:03:04:05 dev vxlan.causeway",
      "fdb 66:01:02:03:04:05 dst 192.0.2.2 dev vxlan.causeway",
      `route 10.77.0.64/26 via 10.77.0.64 ${birch}`,
      `route 10.77.0.5/32 via 10.77.0.64 ${birch}`,
      "route 10.78.0.64/26 via 192.0.2.2 dev eth0 onlink",
      "route 10.79.0.64/26 via 192.0.2.2 dev eth0 onlink",
      // Cedar is not, and has borrowed an address of birch.
      `neighbour 10.77.0.128 lladdr ${twin(4, "MAC(cedar)")} dev vxlan.causeway`,
      `fdb ${twin(4, "MAC(cedar)")} dst 198.51.100.3 dev vxlan.causeway`,
      `route 10.77.0.128/26 via 10.77.0.128 ${birch}`,
      `route 10.77.0.71/32 via 10.77.0.128 ${birch}`,
      `route 10.78.0.128/26 via 10.77.0.128 ${birch}`,
      "route 10.79.0.128/26 via 198.51.100.3 dev ipip.causeway onlink",
      // Dogwood has no BGP section: its InternalIP counts.
      `neighbour 10.77.0.192 lladdr ${twin(4, "MAC(dogwood)")} dev vxlan.causeway`,
      `fdb ${twin(4, "MAC(dogwood)")} dst 198.51.100.4 dev vxlan.causeway`,
      `route 10.77.0.192/26 via 10.77.0.192 ${birch}`,
      // Birch over IPv6, where its record names no MAC; and our own blocks.
      twin(6, "neighbour 0@MAC(birch) lladdr MAC(birch) dev vxlan.causeway"),
      twin(6, "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway"),
      `route fd77::40/122 ${twin(6, "via 0@MAC(birch) dev vxlan.causeway onlink")}`,
      "route 10.77.0.0/26 blackhole",
      "route fd77::/122 blackhole",
    ].sort(),
  );
});

/**
 * What cannot come from there: a second block of one prefix, which has one key; a tunnel address
 * 0.0.0.0, which is refused with its record; a block that lends an address to its own node.
 */
function isNotOfCalico(line: string): boolean {
  return / as=| pod=|=0\.0\.0\.0|^block \S+ (\w+) \1=/.test(line);
}

describe.each([4, 6] as const)("as Calico writes it into etcd, IPv%i", (family) => {
  const cases = ROUTE_CASES.filter(
    ({ onlyIpv4, given }) => (family === 4 || !onlyIpv4) && !given.some(isNotOfCalico),
  );
  let driver: EtcdDriver;
  let store: StoreFollower;
  let before: string[] = [];
  beforeAll(() => {
    driver = new EtcdDriver(server);
    store = new StoreFollower(driver.open());
  });
  afterAll(async () => {
    await store[Symbol.asyncDispose]();
    await driver[Symbol.asyncDispose]();
  });

  test.each(cases)("$name", async ({ given, expect: expected, problems }) => {
    const say = (lines: readonly string[]): string[] => lines.map((line) => twin(family, line));
    const records = say(given).map((line) => calicoRecord(resource(line)));
    const marker: [string, object] = calicoRecord(resource(`node zz-${Math.random()}`));
    const now = [...records, marker].map(([key, value]): [string, string] => [
      `${driver.prefix}${key}`,
      JSON.stringify(value),
    ]);
    const kept = now.map(([key]) => key);
    const gone = before.filter((key) => !kept.includes(key));
    await driver.write([...gone.map((key): [string, undefined] => [key, undefined]), ...now]);
    before = kept;
    const name = marker[0].split("/").at(-1);
    await store.until(({ resources }) => resources.has(`Node/${name}`));
    const resources = [...store.resources.values()].filter((one) => one.name !== name);
    const view = new NodeView();
    view.overlay.change(
      resources.map((one) => ({ kind: one.kind, name: one.name, resource: one })),
    );
    expect(view.wants("route", "neighbour", "fdb")).toEqual(say(expected).sort());
    if (problems) expect(view.problems()).toEqual(say(problems));
  });
});

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readRecord } from "../../../src/datastore/record.ts";
import { decodeResource, encodeResource } from "../../../src/datastore/resource-text.ts";
import { type BySource, SnapshotFile } from "../../../src/datastore/snapshot-file.ts";
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import { blockManifest, nodeManifest, poolManifest } from "../../conformance/manifests.ts";

const top = mkdtempSync(join(tmpdir(), "causeway-snapshot-"));
afterAll(() => rmSync(top, { recursive: true }));

const manifests = [
  poolManifest("green", "10.77.0.0/16", { ipipMode: "CrossSubnet", natOutgoing: true }),
  poolManifest("six", "fd77::/48", { vxlanMode: "Always", allowedUses: ["LoadBalancer"] }),
  nodeManifest("alder", "192.0.2.11", {
    ipv4VXLANTunnelAddr: "10.77.0.1",
    vxlanTunnelMACAddr: "66:01:02:03:04:05",
    addresses: [{ address: "2001:db8::5", type: "InternalIP" }, { address: "198.51.100.1" }],
    podCIDRs: ["10.99.0.0/24"],
  }),
  nodeManifest("bare", "192.0.2.12"),
  blockManifest("10.77.3.64/26", "alder", {
    allocations: [null, 0],
    attributes: [{ secondary: { node: "bare" } }],
  }),
  blockManifest("10.77.4.0/26", "x", { affinity: null }),
  {
    apiVersion: "projectcalico.org/v3",
    kind: "FelixConfiguration",
    metadata: { name: "default" },
    spec: { vxlanPort: 4799, deviceRouteSourceAddress: "192.0.2.1", vxlanEnabled: false },
  },
];
const resources = manifests.map((one) => readRecord(one).resource as Resource);
const url = "file:/cluster";

function stateOf(bySource: BySource, revision = "7") {
  return {
    url,
    revision,
    *collect() {
      yield;
      return bySource;
    },
  };
}

async function written(directory: string): Promise<SnapshotFile> {
  const file = new SnapshotFile(directory);
  const every = (rest: number): Resource[] => resources.filter((_, at) => at % 2 === rest);
  const bySource = new Map([
    ["a", every(0)],
    ["b", every(1)],
  ]);
  file.schedule(stateOf(bySource));
  await file.flush();
  return file;
}

test.each(resources)("decodeResource gives back what encodeResource took: $kind $name", (one) => {
  expect(decodeResource(encodeResource(one))).toEqual(one);
});

test("SnapshotFile gives back what it was given, by source", async () => {
  const file = await written(join(top, "plain"));
  expect(statSync(file.path).mode & 0o777).toBe(0o600);
  expect(await file.readHeader(url)).toMatchObject({ revision: "7", sources: { a: 4, b: 3 } });
  const content = await new SnapshotFile(join(top, "plain")).read(url);
  expect(content?.bySource.get("a")).toEqual(resources.filter((_, at) => at % 2 === 0));
  expect(content?.bySource.get("b")).toEqual(resources.filter((_, at) => at % 2 === 1));
});

test("SnapshotFile keeps resources of a store without parts", async () => {
  const file = new SnapshotFile(join(top, "whole"));
  file.schedule(stateOf(new Map([[undefined, resources]])));
  await file.flush();
  expect((await file.read(url))?.bySource.get(undefined)).toEqual(resources);
});

test("SnapshotFile is not there at first, and that is no problem", async () => {
  const file = new SnapshotFile(join(top, "none"));
  expect(await file.readHeader(url)).toBe(undefined);
  expect(await file.read(url)).toBe(undefined);
  expect(file.problem).toBe(undefined);
});

test("SnapshotFile is not used for another datastore", async () => {
  const file = await written(join(top, "other"));
  expect(await file.read("file:/elsewhere")).toBe(undefined);
  expect(file.problem).toMatch(/is a copy of file:\/cluster and not used$/);
});

test.each([
  ["cut short", (text: string) => text.slice(0, -10)],
  ["changed", (text: string) => text.replace("10.77.3.64/26", "10.77.3.128/26")],
  ["empty", () => ""],
  [
    "of another format",
    (text: string) => text.replace("causeway snapshot 1", "causeway snapshot 9"),
  ],
  ["no text", () => "\u0000\u0001\n\u0002"],
])("SnapshotFile is not used when it is %s", async (name, damage) => {
  const file = await written(join(top, name));
  writeFileSync(file.path, damage(readFileSync(file.path, "utf8")));
  expect(await file.read(url)).toBe(undefined);
  expect(file.problem).toMatch(/is damaged and not used/);
});

test("SnapshotFile writes by itself some time after a change, and the newest state", async () => {
  const file = new SnapshotFile(join(top, "later"), { interval: 10 });
  file.schedule(stateOf(new Map(), "1"));
  file.schedule(stateOf(new Map([["a", resources.slice(0, 1)]]), "2"));
  for (;;) {
    if ((await file.readHeader(url))?.revision === "2") break;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await file.flush();
});

test("SnapshotFile says why it cannot be written", async () => {
  const path = join(top, "blocked");
  writeFileSync(path, "a file where the run dir should be");
  const file = new SnapshotFile(path);
  file.schedule(stateOf(new Map()));
  await expect(file.flush()).rejects.toThrow();
});

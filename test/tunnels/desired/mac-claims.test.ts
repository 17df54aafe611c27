import { beforeEach, expect, test } from "vitest";
import { parseMac } from "../../../encap/address/mac-address.ts";
import { MacClaims } from "../../../tunnels/desired/mac-claims.ts";

const mac = parseMac("66:00:00:00:00:01");
const other = parseMac("66:00:00:00:00:02");
let claims: MacClaims;

beforeEach(() => {
  claims = new MacClaims();
});

test("one node after another has a MAC", () => {
  expect(claims.add(mac, "birch")).toEqual([]);
  expect(claims.remove(mac, "birch")).toEqual([]);
  expect(claims.add(mac, "alder")).toEqual([]);
  expect(claims.all(mac)).toEqual(["alder"]);
  expect([...claims.contested()]).toEqual([]);
});

test("of several the first by name is the first, however they came", () => {
  claims.add(mac, "birch");
  expect(claims.add(mac, "cedar")).toEqual(["birch"]);
  expect(claims.add(mac, "alder")).toEqual(["birch", "cedar"]);
  claims.add(other, "alder");
  expect([...claims.contested()]).toEqual([{ mac, nodes: ["alder", "birch", "cedar"] }]);
});

test("a MAC is contested until one node is left", () => {
  for (const node of ["alder", "birch", "cedar"]) claims.add(mac, node);
  expect(claims.remove(mac, "alder")).toEqual(["birch", "cedar"]);
  expect([...claims.contested()]).toHaveLength(1);
  expect(claims.remove(mac, "cedar")).toEqual(["birch"]);
  expect([...claims.contested()]).toEqual([]);
  expect(claims.all(mac)).toEqual(["birch"]);
});

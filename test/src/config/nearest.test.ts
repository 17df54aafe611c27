import { expect, test } from "vitest";
import { nearest } from "../../../src/config/nearest.ts";

const NAMES = ["vxlanPort", "vxlanVni", "vxlanMtu", "ipipMtu", "node"];

test.each([
  ["vxlanPort", "vxlanPort"],
  ["VXLANPORT", "vxlanPort"],
  ["vxlanPrt", "vxlanPort"],
  ["vxlanPorts", "vxlanPort"],
  ["vxlanProt", "vxlanPort"],
  ["vxlanmtu", "vxlanMtu"],
  ["ipipMto", "ipipMtu"],
  ["nod", "node"],
  ["nodes", "node"],
])("nearest to %s is %s", (word, name) => {
  expect(nearest(word, NAMES)).toBe(name);
});

test.each(["", "port", "datastore", "x", "vx", "somethingElse"])(
  "nothing is near to %j",
  (word) => {
    expect(nearest(word, NAMES)).toBeUndefined();
  },
);

test("of two that are equally near the first is taken", () => {
  expect(nearest("cat", ["car", "can"])).toBe("car");
  expect(nearest("cat", [])).toBeUndefined();
});

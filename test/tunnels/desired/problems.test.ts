/** What cannot be programmed is said once for each cause, the gravest first. */
import { expect, test } from "vitest";
import { carriers } from "./carriers.ts";
import { NodeView } from "./node-view.ts";

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.1 ipip=10.1.0.1";
const POOLS = ["pool p 10.0.0.0/16 vxlan", "pool q 10.1.0.0/16 ipip", "pool n 10.2.0.0/16 none"];

function problems(view: NodeView): string[] {
  view.calculate();
  return view.problems();
}

test("a whole cluster has none", () => {
  const view = new NodeView().change([
    ...POOLS,
    ALDER,
    "node birch 192.0.2.2/24 vxlan=10.0.1.1",
    "block 10.0.1.0/29 birch",
    "block 10.1.1.0/29 birch",
    "block 10.2.1.0/29 birch",
    "block 10.0.0.0/29 alder",
  ]);
  expect(problems(view)).toEqual([]);
});

test("blocks and addresses of one cause are counted together", () => {
  const view = new NodeView().change([
    ...POOLS,
    ALDER,
    "block 10.0.1.0/29 birch",
    "block 10.0.1.8/29 birch",
    "block 10.1.1.0/29 birch cedar=10.1.1.4 cedar=10.1.1.5",
    "block 10.0.2.0/29 cedar",
  ]);
  expect(problems(view)).toEqual([
    "error node birch: it has no record in the datastore: 3 blocks are not routed",
    "error node cedar: it has no record in the datastore: 1 block and 2 addresses are not routed",
  ]);
});

test("counts follow what is mended", () => {
  const view = new NodeView().change([
    ...POOLS,
    ALDER,
    "node birch 192.0.2.2",
    "block 10.0.1.0/29 birch",
    "block 10.0.1.8/29 birch",
  ]);
  const lack = "error node birch: it has no VXLAN tunnel address";
  expect(problems(view)).toEqual([`${lack}: 2 blocks are not routed`]);
  view.change(["-block 10.0.1.8/29 birch"]);
  expect(problems(view)).toEqual([`${lack}: 1 block is not routed`]);
  view.change(["node birch 192.0.2.2 vxlan=10.0.1.1"]);
  expect(problems(view)).toEqual([]);
  view.change(["node birch 192.0.2.2"]);
  expect(problems(view)).toEqual([`${lack}: 1 block is not routed`]);
});

test("an encapsulation that the kernel lacks is told once for each pool", () => {
  const view = new NodeView({
    carriers: carriers("kernel", "Unknown device type", "not permitted"),
  });
  view.change([...POOLS, ALDER, "node birch 192.0.2.2 vxlan=10.0.1.1"]);
  view.change(["block 10.0.1.0/29 birch", "block 10.1.1.0/29 birch", "block 10.2.1.0/29 birch"]);
  expect(problems(view)).toEqual([
    'error pool "p": this kernel cannot make vxlan devices: Unknown device type: 1 block is not routed',
    'error pool "q": this kernel cannot make ipip devices: not permitted: 1 block is not routed',
  ]);
  expect(view.wants("route")).toEqual(["route 10.2.1.0/29 via 192.0.2.2 dev eth0 onlink"]);
});

test("of many blocks outside all pools ten are named", () => {
  const view = new NodeView().change([ALDER]);
  for (let at = 0; at < 13; at++) view.change([`block 10.9.${at}.0/29 birch`]);
  const found = problems(view);
  expect(found).toHaveLength(11);
  expect(found[0]).toBe("note block 10.9.0.0/29: no IP pool contains it");
  expect(found).toContain("note blocks: 3 more are in no IP pool either");
});

test("CrossSubnet that goes one way only is told once, with the names", () => {
  const view = new NodeView().change(["pool p 10.0.0.0/16 vxlan CrossSubnet", ALDER]);
  for (let at = 10; at < 22; at++) view.change([`node n${at} 192.0.2.${at}/30 vxlan=10.0.${at}.1`]);
  const names = Array.from({ length: 10 }, (_, at) => `n${at + 10}`).join(", ");
  expect(problems(view)).toEqual([
    `warning node alder: CrossSubnet encapsulates one way only with ${names}, and 2 more`,
  ]);
  expect(view.overlay.asymmetricNodes.size).toBe(12);
  view.change(["pool p 10.0.0.0/16 vxlan Always"]);
  expect(problems(view)).toEqual([]);
});

test("errors come before warnings, warnings before notes", () => {
  const view = new NodeView().change([
    "pool a 10.0.0.0/16 vxlan",
    "pool b 10.0.0.0/16 ipip",
    ALDER,
    "block 10.0.1.0/29 birch",
    "block 10.9.1.0/29 birch",
  ]);
  expect(problems(view).map((line) => line.split(" ")[0])).toEqual(["error", "warning", "note"]);
});

test("every problem says what to do, but for what is as asked", () => {
  const view = new NodeView({ ipv6: false }).change([
    ...POOLS,
    "pool v 10.0.0.0/16 vxlan",
    "pool six fd00::/64 vxlan",
    "node alder 192.0.2.1/30 vxlan=10.0.0.1",
    "node birch 192.0.2.2/24",
    "block 10.0.1.0/29 birch",
    "block 10.0.2.0/29 cedar",
    "block 10.9.1.0/29 birch",
    "block 10.2.1.0/29 dogwood",
    "node dogwood 198.51.100.1",
  ]);
  view.calculate();
  const found = view.overlay.problems();
  expect(found.length).toBeGreaterThan(5);
  for (const { severity, hint, subject } of found) {
    if (severity !== "note") expect(hint, subject).toBeTruthy();
  }
});

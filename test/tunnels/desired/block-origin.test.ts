import { expect, test } from "vitest";
import { NodeView } from "./node-view.ts";

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.0 pod=10.0.4.0/24";
const BLOCK = "block 10.0.0.0/29 alder";
const POOL = "pool main 10.0.0.0/16 vxlan";

test.each([
  { blocks: "auto", given: [ALDER, BLOCK], routes: ["route 10.0.0.0/29 blackhole"] },
  { blocks: "auto", given: [ALDER], routes: ["route 10.0.4.0/24 blackhole"] },
  { blocks: "ipam", given: [ALDER, BLOCK], routes: ["route 10.0.0.0/29 blackhole"] },
  { blocks: "ipam", given: [ALDER], routes: [] },
  { blocks: "podCIDR", given: [ALDER, BLOCK], routes: ["route 10.0.4.0/24 blackhole"] },
] as const)("blocks: $blocks takes those of $given", ({ blocks, given, routes }) => {
  const view = new NodeView({ blocks });
  view.change([POOL, ...given]);
  expect(view.wants("route")).toEqual(routes);
  // By way of nothing the result is the same.
  view.change(given.map((line) => `-${line}`));
  expect(view.wants("route")).toEqual([]);
  view.change(given);
  expect(view.wants("route")).toEqual(routes);
});

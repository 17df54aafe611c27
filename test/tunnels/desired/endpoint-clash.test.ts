import { expect, test } from "vitest";
import type { Link } from "../../../tunnels/kernel/kernel-state.ts";
import { LINK, VXLAN_PARAMETERS } from "../../conformance/kernel-lab.ts";
import { carriers } from "./carriers.ts";
import { ETH0, NodeView } from "./node-view.ts";

const CLUSTER = ["pool p 10.0.0.0/16 vxlan", "node alder 192.0.2.1/24 vxlan=10.0.0.1"];

function other(changes: Partial<Link> = {}, parameters: object = {}): Link {
  const tunnel = { ...VXLAN_PARAMETERS, ...parameters };
  return { ...LINK, name: "flannel.1", tunnel, ...changes };
}

test.each<[string, Link, number]>([
  ["its port, whatever the VNI", other({}, { vni: 1 }), 1],
  ["its port, both families", other({}, { external: true, local: undefined }), 1],
  ["its port, and is down", other({ up: false }), 0],
  ["another port", other({}, { port: 8472 }), 0],
  ["our name", other({ name: "vxlan.causeway" }), 0],
])("a VXLAN endpoint and a device that has %s", (_, link, count) => {
  const view = new NodeView({ carriers: carriers("userspace") }, { ...ETH0, tunnels: [link] });
  view.change(CLUSTER).calculate();
  const expected = "UDP port 4789: device flannel.1 before device tun.causeway";
  expect(view.conflicts()).toEqual(Array(count).fill(expected));
});

test("a VXLAN endpoint over IPv6 does not meet a device over IPv4", () => {
  const view = new NodeView({ carriers: carriers("userspace") }, { ...ETH0, tunnels: [other()] });
  view.change(["pool p fd00:1::/64 vxlan", "node alder fd00::c000:201/120 vxlan=fd00:1::1"]);
  view.calculate();
  expect(view.conflicts()).toEqual([]);
});

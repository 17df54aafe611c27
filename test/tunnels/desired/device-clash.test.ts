import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import type { TunnelMtu } from "../../../encap/encap-mode.ts";
import { deviceClashes } from "../../../tunnels/desired/device-clash.ts";
import { ipipLink } from "../../../tunnels/desired/ipip.ts";
import { vxlanLink } from "../../../tunnels/desired/vxlan.ts";
import type { Link, TunnelParameters } from "../../../tunnels/kernel/kernel-state.ts";
import { CAUSEWAY_DEVICES } from "../../../tunnels/kernel/ownership.ts";
import { vtepMac } from "../../../tunnels/model/vtep.ts";

const mtu = 1450 as TunnelMtu;
const ALDER = parseIp("192.0.2.1");
const ALDER6 = parseIp("2001:db8::1");

function vxlan(name: string, underlayIp = ALDER): Link {
  const family = underlayIp.family;
  const tunnelIp = parseIp("10.0.0.1");
  const vtep = { node: "alder", family, tunnelIp, underlayIp, mac: vtepMac("alder", family) };
  return vxlanLink(name, vtep, { vni: 4096, port: 4789, mtu, parent: "eth0" });
}

const OURS = vxlan("vxlan.causeway");
const OURS6 = vxlan("vxlan6.causeway", ALDER6);
const IPIP = ipipLink("ipip.causeway", ALDER, { mtu, parent: "eth0" });

function other(like: Link, changes: object = {}, up = true): Link {
  const tunnel = { ...like.tunnel, ...changes } as TunnelParameters;
  return { ...like, name: "flannel.1", up, tunnel };
}

function clashes(ours: Link, ...actual: Link[]): string[] {
  return [...deviceClashes([ours], actual, CAUSEWAY_DEVICES)].map(
    ({ kind, value, winner, losers }) => {
      return `${kind} ${value}: ${winner} before ${losers}`;
    },
  );
}

describe("deviceClashes", () => {
  const vni = "VNI 4096 on UDP port 4789: device flannel.1 before device vxlan.causeway";
  const port = "UDP port 4789: device flannel.1 before device vxlan.causeway";

  test.each<[string, Link, string[]]>([
    ["the same VNI and port", other(OURS), [vni]],
    ["the same VNI and port on a device that is down", other(OURS, {}, false), [vni]],
    ["the same VNI and port on another parent", other(OURS, { parent: "eth1" }), [vni]],
    ["another VNI", other(OURS, { vni: 1 }), []],
    ["another port", other(OURS, { port: 8472 }), []],
    ["the other family", other(OURS6), []],
    ["a flow-based device on our port", other(OURS, { external: true, vni: 0 }), [port]],
    ["a flow-based device that is down", other(OURS, { external: true, vni: 0 }, false), []],
    ["a device that shares no socket with ours", other(OURS, { vni: 1, gbp: true }), [port]],
  ])("with %s", (_, link, expected) => {
    expect(clashes(OURS, link)).toEqual(expected);
  });

  test("of families on one flow-based device are two", () => {
    const flow = other(OURS, { external: true, local: undefined });
    expect(clashes(OURS6, flow)).toEqual([
      "UDP port 4789: device flannel.1 before device vxlan6.causeway",
    ]);
  });

  test("are none where ours is up already, nor with our own devices", () => {
    expect(clashes(OURS, OURS, other(OURS))).toEqual([]);
    expect(clashes(OURS, { ...OURS, up: false })).toEqual([]);
    expect(clashes(OURS, { ...OURS, up: false }, other(OURS))).toEqual([vni]);
  });

  test.each<[string, Link, number]>([
    ["the same ends", other(IPIP), 1],
    ["another parent", other(IPIP, { parent: "eth1" }), 0],
    ["a remote end", other(IPIP, { remote: parseIp("192.0.2.2") }), 0],
    ["any local address", other(IPIP, { local: undefined }), 0],
    ["a VXLAN device", other(OURS), 0],
  ])("of IP-in-IP with %s", (_, link, count) => {
    expect(clashes(IPIP, link)).toHaveLength(count);
  });
});

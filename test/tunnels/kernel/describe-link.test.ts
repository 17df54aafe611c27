import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import type { TunnelMtu } from "../../../encap/encap-mode.ts";
import { ipipLink } from "../../../tunnels/desired/ipip.ts";
import { tunLink } from "../../../tunnels/desired/userspace.ts";
import { describeLink } from "../../../tunnels/kernel/describe-link.ts";
import type { Link, VxlanParameters } from "../../../tunnels/kernel/kernel-state.ts";
import { LINK, PARENT, VXLAN_PARAMETERS } from "../../conformance/kernel-lab.ts";

const IPIP = ipipLink("ipip.causeway", parseIp("10.0.0.1"), {
  mtu: 1480 as TunnelMtu,
  parent: PARENT,
});
const vxlan = (change: Partial<VxlanParameters>): Link => ({
  ...LINK,
  tunnel: { ...VXLAN_PARAMETERS, ...change },
});
const added = (object: Link): string[] =>
  describeLink({ kind: "link", verb: "add", object, reason: "missing" });
const changed = (actual: Link, object: Link): string[] =>
  describeLink({ kind: "link", verb: "replace", object, actual, reason: "different" });

describe("describeLink()", () => {
  test("names what is not the default of a new device", () => {
    expect(added(LINK)).toEqual([
      `ip link add ${LINK.name} address 66:00:00:00:00:01 mtu 1450 ` +
        `type vxlan id 4096 local 10.0.0.1 dev ${PARENT} dstport 4789 nolearning`,
      `ip link set ${LINK.name} up`,
    ]);
    expect(added(vxlan({ portLow: 1, portHigh: 9, gbp: true, udpChecksum: false }))[0]).toMatch(
      / nolearning srcport 1 9 gbp noudpcsum$/,
    );
    // Without a mode, ip asks for a device that carries MPLS as well.
    expect(added(IPIP)[0]).toBe(
      "ip link add ipip.causeway mtu 1480 " +
        `type ipip mode ipip local 10.0.0.1 remote any dev ${PARENT}`,
    );
  });

  test("makes a TUN device with the command that can", () => {
    const tun = tunLink("tun.causeway", 1450 as TunnelMtu);
    expect(added(tun)).toEqual([
      "ip tuntap add tun.causeway mode tun",
      "ip link set tun.causeway mtu 1450 up",
    ]);
    expect(added({ ...tun, up: false })[1]).toBe("ip link set tun.causeway mtu 1450");
    expect(changed({ ...tun, mtu: 1400 }, tun)).toEqual(["ip link set tun.causeway mtu 1450"]);
  });

  test("names what differs of a device that changes, defaults too, and nothing else", () => {
    const learning = vxlan({ learning: true, ageing: 5, ttl: 9 });
    expect(changed(learning, LINK)).toEqual([
      `ip link set ${LINK.name} type vxlan nolearning ageing 300 ttl 0`,
    ]);
    const tunnel = { ...IPIP.tunnel, kind: "ipip", pmtuDiscovery: false, tos: 4 } as const;
    expect(changed({ ...IPIP, tunnel: tunnel as Link["tunnel"] }, IPIP)).toEqual([
      "ip link set ipip.causeway type ipip pmtudisc tos 0",
    ]);
  });

  test("changes the parent before the MTU, which it limits", () => {
    const before = { ...vxlan({ parent: "slow0" }), mtu: 1350, up: false };
    expect(changed(before, LINK)).toEqual([
      `ip link set ${LINK.name} type vxlan dev ${PARENT}`,
      `ip link set ${LINK.name} mtu 1450 up`,
    ]);
  });
});

import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import type { TunnelMtu } from "../../../encap/encap-mode.ts";
import { tunLink } from "../../../tunnels/desired/userspace.ts";
import type {
  IpipParameters,
  Link,
  VxlanParameters,
} from "../../../tunnels/kernel/kernel-state.ts";
import { differingFields, linkChange } from "../../../tunnels/kernel/link-change.ts";
import { LINK, VXLAN_PARAMETERS } from "../../conformance/kernel-lab.ts";

const IPIP_PARAMETERS: IpipParameters = {
  kind: "ipip",
  local: parseIp("10.0.0.1"),
  remote: undefined,
  parent: "eth0",
  ttl: 0,
  tos: 0,
  protocol: 4,
  pmtuDiscovery: true,
  external: false,
};
const IPIP: Link = {
  ...LINK,
  name: "ipip0",
  kind: "ipip",
  mac: undefined,
  tunnel: IPIP_PARAMETERS,
};

const vxlan = (change: Partial<VxlanParameters>): Link => ({
  ...LINK,
  tunnel: { ...VXLAN_PARAMETERS, ...change },
});
const ipip = (change: Partial<IpipParameters>): Link => ({
  ...IPIP,
  tunnel: { ...IPIP_PARAMETERS, ...change },
});

describe("linkChange()", () => {
  test("makes a TUN device of another make again, and changes the rest in place", () => {
    const tun = tunLink("tun.causeway", 1450 as TunnelMtu);
    expect(linkChange({ ...tun, mtu: 1400, up: false, running: false }, tun)).toBe("in-place");
    const tap = { kind: "tun", mode: "tap", multiQueue: false } as const;
    expect(linkChange({ ...tun, tunnel: tap }, tun)).toBe("recreate");
    expect(linkChange({ ...tun, tunnel: { ...tap, mode: "tun", multiQueue: true } }, tun)).toBe(
      "recreate",
    );
    expect(linkChange(IPIP, tun)).toBe("recreate");
  });

  test("sees no difference in what the kernel alone decides", () => {
    const actual = { ...LINK, ifindex: 12, running: false };
    expect(linkChange(actual, LINK)).toBe("none");
    expect(linkChange(actual, { ...LINK, mac: undefined })).toBe("none");
    expect(linkChange(LINK, vxlan({ local: parseIp("10.0.0.1") }))).toBe("none");
  });

  test("sees every parameter of a vxlan device", () => {
    const changed: VxlanParameters = {
      ...VXLAN_PARAMETERS,
      vni: 1,
      port: 2,
      local: parseIp("10.9.9.9"),
      parent: "eth9",
      learning: true,
      external: true,
      group: parseIp("239.0.0.1"),
      ttl: 3,
      tos: 4,
      ttlInherit: true,
      ageing: 5,
      proxy: true,
      l2miss: true,
      l3miss: true,
      gbp: true,
      udpChecksum: false,
      zeroChecksum6Tx: true,
      zeroChecksum6Rx: true,
      portLow: 6,
      portHigh: 7,
    };
    const fields = Object.keys(VXLAN_PARAMETERS).filter((field) => field !== "kind");
    expect(differingFields(LINK, vxlan(changed)).sort()).toEqual(fields.sort());
  });

  test("sees every parameter of an ipip device", () => {
    const changed = ipip({
      local: undefined,
      remote: parseIp("10.0.0.2"),
      parent: undefined,
      ttl: 1,
      tos: 2,
      protocol: 0,
      pmtuDiscovery: false,
      external: true,
    });
    const fields = Object.keys(IPIP_PARAMETERS).filter((field) => field !== "kind");
    expect(differingFields(IPIP, changed).sort()).toEqual(fields.sort());
  });

  test.each([
    ["mtu", { ...LINK, mtu: 1 }],
    ["up", { ...LINK, up: false }],
    ["learning", vxlan({ learning: true })],
    ["parent", vxlan({ parent: "eth1" })],
  ])("changes %s of a vxlan device in place", (field, desired) => {
    expect(differingFields(LINK, desired)).toEqual([field]);
    expect(linkChange(LINK, desired)).toBe("in-place");
  });

  test.each([
    ["vni", vxlan({ vni: 1 })],
    ["port", vxlan({ port: 8472 })],
    ["parent", vxlan({ parent: undefined })],
    ["local", vxlan({ local: parseIp("fd00::1") })],
    ["local", vxlan({ local: undefined })],
    ["external", vxlan({ external: true })],
    ["kind", { ...LINK, kind: "dummy", tunnel: undefined }],
  ])("makes a vxlan device again for another %s", (field, desired) => {
    expect(differingFields(LINK, desired)).toEqual([field]);
    expect(linkChange(LINK, desired)).toBe("recreate");
  });

  test("changes an ipip device in place, except what it carries and between one remote and any", () => {
    expect(linkChange(IPIP, ipip({ local: parseIp("10.0.0.7"), ttl: 9 }))).toBe("in-place");
    expect(linkChange(IPIP, ipip({ remote: parseIp("10.0.0.7") }))).toBe("recreate");
    expect(linkChange(IPIP, ipip({ protocol: 0 }))).toBe("recreate");
    expect(linkChange(ipip({ external: true }), IPIP)).toBe("recreate");
  });
});

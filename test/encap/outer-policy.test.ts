import { describe, expect, test } from "vitest";
import { IpPacket } from "../../encap/ip-packet.ts";
import {
  chooseOuter,
  IP6TNL_POLICY,
  IPIP_POLICY,
  OuterChoice,
  type OuterPolicy,
  VXLAN_POLICY,
} from "../../encap/outer-policy.ts";
import { outerTtl } from "../../encap/ttl.ts";

/** DSCP 11 with CE, TTL 7. */
function inner(dontFragment: boolean): IpPacket {
  return Object.assign(new IpPacket(), { trafficClass: 0x2f, ttl: 7, dontFragment });
}

function choose(policy: OuterPolicy, packet: IpPacket): OuterChoice {
  const choice = Object.assign(new OuterChoice(), {
    trafficClass: 0xa5,
    ttl: 0xa5,
    dontFragment: !packet.dontFragment,
  });
  chooseOuter(policy, packet, choice);
  return choice;
}

test("outerTtl is fixed or the inner one", () => {
  expect(outerTtl(7, "inherit")).toBe(7);
  expect(outerTtl(0, "inherit")).toBe(0);
  expect(outerTtl(7, 255)).toBe(255);
});

describe("chooseOuter", () => {
  test.each([
    ["ipip", IPIP_POLICY, { trafficClass: 2, ttl: 7, dontFragment: true }],
    ["vxlan", VXLAN_POLICY, { trafficClass: 2, ttl: 64, dontFragment: false }],
    ["ip6tnl", IP6TNL_POLICY, { trafficClass: 2, ttl: 64, dontFragment: true }],
  ])("does what a Linux %s device does without options", (_, policy, choice) => {
    expect(choose(policy, inner(false))).toEqual(choice);
  });

  test("copies or sets the DSCP, and never its ECN bits", () => {
    const inherit = choose({ ...VXLAN_POLICY, dscp: "inherit" }, inner(false));
    expect(inherit.trafficClass).toBe(0x2e);
    const fixed = choose({ ...VXLAN_POLICY, dscp: 0x3f, ecn: "compatibility" }, inner(false));
    expect(fixed.trafficClass).toBe(0xfc);
  });

  test.each([true, false])("copies a DF flag that is %s", (dontFragment) => {
    const choice = choose({ ...IPIP_POLICY, dontFragment: "inherit" }, inner(dontFragment));
    expect(choice.dontFragment).toBe(dontFragment);
  });
});

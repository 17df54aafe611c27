import { describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { parseMac } from "../../../encap/address/mac-address.ts";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import { toVni, tunnelMtu, type UnderlayMtu } from "../../../encap/encap-mode.ts";
import type { ForwardingPlan, Remote, TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import { IPIP_POLICY, VXLAN_POLICY } from "../../../encap/outer-policy.ts";
import { PlanSharer } from "../../../src/userspace/control/plan-sharer.ts";
import type { EndpointSockets } from "../../../src/userspace/underlay/endpoint-sockets.ts";
import {
  NO_ENDPOINT,
  REMOTE_ADDRESS,
  REMOTE_ENDPOINT,
  REMOTE_MAC_HIGH,
  REMOTE_MAC_LOW,
  REMOTE_WORDS,
  type SharedPlan,
} from "../../../src/userspace/worker/shared-plan.ts";

const SOCKETS: EndpointSockets = { receive: [], errors: 3, send: [4], canSegment: true };
const NO_ONE = buildRemoteTable([]);

const VXLAN: TunnelEndpoint = {
  encap: "vxlan",
  localAddress: parseIp("192.0.2.1"),
  mtu: tunnelMtu(1500 as UnderlayMtu, "vxlan", 4),
  policy: VXLAN_POLICY,
  peers: NO_ONE,
  vni: toVni(4096),
  port: 4789,
  mac: parseMac("66:00:00:00:00:01"),
};
const IPIP6: TunnelEndpoint = {
  encap: "ipip",
  localAddress: parseIp("2001:db8::1"),
  mtu: tunnelMtu(1500 as UnderlayMtu, "ipip", 6),
  policy: IPIP_POLICY,
  peers: NO_ONE,
};
const REMOTES: readonly (Remote | undefined)[] = [
  { encap: "vxlan", address: parseIp("192.0.2.2"), mac: parseMac("66:12:ff:56:78:9a") },
  undefined,
  { encap: "ipip", address: parseIp("2001:db8::2") },
  { encap: "ipip", address: parseIp("192.0.2.3") },
];
const PLAN: ForwardingPlan = { endpoints: [VXLAN, IPIP6], remotes: REMOTES, prefixes: NO_ONE };

function wordsOf(shared: SharedPlan, remote: number): Uint32Array {
  return new Uint32Array(shared.remotes).subarray(
    remote * REMOTE_WORDS,
    (remote + 1) * REMOTE_WORDS,
  );
}

function endpointsOf(shared: SharedPlan): number[] {
  return REMOTES.map((_, remote) => (wordsOf(shared, remote)[REMOTE_ENDPOINT] as number) | 0);
}

describe("share", () => {
  test("gives each remote the endpoint of its encapsulation and family", () => {
    const shared = new PlanSharer().share(PLAN, [SOCKETS, SOCKETS]);
    expect(endpointsOf(shared)).toEqual([0, NO_ENDPOINT, 1, NO_ENDPOINT]);
  });

  test("leaves out endpoints that nothing serves, and numbers the others", () => {
    const shared = new PlanSharer().share(PLAN, [undefined, SOCKETS]);
    expect(shared.endpoints.map(({ encap }) => encap)).toEqual(["ipip"]);
    expect(endpointsOf(shared)).toEqual([NO_ENDPOINT, NO_ENDPOINT, 0, NO_ENDPOINT]);
  });

  test("writes addresses and MAC addresses as words", () => {
    const shared = new PlanSharer().share(PLAN, [SOCKETS, SOCKETS]);
    const [vxlan, , ipip] = REMOTES.map((_, remote) => wordsOf(shared, remote));
    expect(vxlan?.[REMOTE_ADDRESS]).toBe(0xc0000202);
    expect(vxlan?.[REMOTE_MAC_HIGH]).toBe(0x6612);
    expect(vxlan?.[REMOTE_MAC_LOW]).toBe(0xff56789a);
    expect([...(ipip?.subarray(REMOTE_ADDRESS, REMOTE_ADDRESS + 4) ?? [])]).toEqual([
      0x20010db8, 0, 0, 2,
    ]);
  });

  test("keeps the memory of remotes that are the same, and says so by their revision", () => {
    const sharer = new PlanSharer();
    const first = sharer.share(PLAN, [SOCKETS, SOCKETS]);
    const second = sharer.share({ ...PLAN }, [SOCKETS, SOCKETS]);
    expect(second.remotes).toBe(first.remotes);
    expect([first.revision, second.revision]).toEqual([1, 2]);
    expect([first.remotesRevision, second.remotesRevision]).toEqual([1, 1]);
    const third = sharer.share({ ...PLAN, remotes: [...REMOTES] }, [SOCKETS, SOCKETS]);
    expect(third.remotesRevision).toBe(3);
  });

  test("writes remotes anew when another endpoint serves them", () => {
    const sharer = new PlanSharer();
    sharer.share(PLAN, [SOCKETS, SOCKETS]);
    const shared = sharer.share(PLAN, [undefined, SOCKETS]);
    expect(shared.remotesRevision).toBe(2);
    expect(endpointsOf(shared)[2]).toBe(0);
  });
});

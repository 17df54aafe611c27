import { deserialize, serialize } from "node:v8";
import { expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import { VXLAN_POLICY } from "../../../encap/outer-policy.ts";
import { RemoteTable } from "../../../encap/remote-table.ts";
import { packPlan, unpackPlan } from "../../../src/userspace/plain/plain-protocol.ts";
import type { SharedPlan } from "../../../src/userspace/worker/shared-plan.ts";

test("a plan that went to another process looks up what it did before", () => {
  const cidr = parseCidr("10.244.7.0/24");
  const table = buildRemoteTable([{ cidr, remote: 7 }]).buffer;
  const plan: SharedPlan = {
    revision: 3,
    remotesRevision: 2,
    remotes: new Int32Array([1, -2, 3]).buffer,
    prefixes: table,
    endpoints: [
      {
        encap: "vxlan",
        family: 4,
        mtu: 1450,
        policy: VXLAN_POLICY,
        local: [parseIp("192.0.2.1").w0, 0, 0, 0],
        peers: table,
        sockets: { receive: [], errors: 9, send: [9], canSegment: true },
        vni: 4096,
        port: 4789,
        macHigh: 1,
        macLow: 2,
      },
    ],
  };
  const arrived = unpackPlan(deserialize(serialize(packPlan(plan))) as ReturnType<typeof packPlan>);
  expect(new RemoteTable(arrived.prefixes).lookupIpv4(parseIp("10.244.7.9").w0)).toBe(7);
  expect([...new Int32Array(arrived.remotes)]).toEqual([1, -2, 3]);
  const [endpoint] = arrived.endpoints;
  expect(new RemoteTable(endpoint?.peers as ArrayBuffer).lookupIpv4(0x0af40701)).toBe(7);
  expect(endpoint).toMatchObject({ encap: "vxlan", vni: 4096, policy: VXLAN_POLICY });
  // Descriptors mean nothing there.
  expect(endpoint?.sockets.send).toEqual([]);
});

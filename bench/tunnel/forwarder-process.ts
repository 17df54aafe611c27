/** One node's data path as a process of its own: forwarder-process ENCAP ENGINE NODE */
import { hostCidr, parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import { parseMac } from "../../encap/address/mac-address.ts";
import { buildRemoteTable } from "../../encap/build-remote-table.ts";
import { toVni, tunnelMtu, type UnderlayMtu } from "../../encap/encap-mode.ts";
import type { Remote, TunnelEndpoint } from "../../encap/forwarding-plan.ts";
import { IPIP_POLICY, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import type { Engine } from "../../src/userspace/data-path.ts";
import { Forwarder } from "../../src/userspace/forwarder.ts";
import { macOf, TUN } from "./contenders.ts";
import { PEERS } from "./link.ts";

const [encap, engine, node] = process.argv.slice(2) as ["vxlan" | "ipip", Engine, string];
const own = Number(node);
const others = own === 1 ? Array.from({ length: PEERS }, (_, at) => at + 2) : [1];

const forwarder = new Forwarder({ device: TUN, engine });
await forwarder.start();

const remotes = others.map((other): Remote => {
  const address = parseIp(`192.0.2.${other}`);
  return encap === "vxlan" ? { encap, address, mac: parseMac(macOf(other)) } : { encap, address };
});
const base = {
  localAddress: parseIp(`192.0.2.${own}`),
  mtu: tunnelMtu(1500 as UnderlayMtu, encap, 4),
  peers: buildRemoteTable(
    remotes.map(({ address }, remote) => ({ cidr: hostCidr(address), remote })),
  ),
};
const endpoint: TunnelEndpoint =
  encap === "ipip"
    ? { ...base, encap, policy: IPIP_POLICY }
    : {
        ...base,
        encap,
        policy: VXLAN_POLICY,
        vni: toVni(4096),
        port: 4789,
        mac: parseMac(macOf(own)),
      };
await forwarder.replace({
  endpoints: [endpoint],
  remotes,
  prefixes: buildRemoteTable(
    others.map((other, remote) => ({ cidr: parseCidr(`10.244.${other}.0/24`), remote })),
  ),
});
const [report] = forwarder.endpoints;
if (report?.engine !== engine) throw new Error(`engine ${report?.engine}: ${report?.reason}`);
console.log("ready");
// The worker alone does not keep the process.
setInterval(() => {}, 1_000_000);

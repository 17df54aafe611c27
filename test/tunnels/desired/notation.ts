/**
 * Clusters and kernel states as lines of text, so that a case reads like what an operator would
 * type and what `ip` would print. Every line has an IPv6 twin (`twin`), so that one list of cases
 * covers both families.
 */
import { parseAddressWithLength, parseCidr } from "../../../encap/address/cidr.ts";
import { type Family, IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { linkLocalOf } from "../../../encap/address/link-local.ts";
import { type MacAddress, parseMac } from "../../../encap/address/mac-address.ts";
import type { EncapMode } from "../../../encap/encap-mode.ts";
import type { Block, BorrowedAddress } from "../../../tunnels/model/block.ts";
import type { IpPool, PoolMode } from "../../../tunnels/model/ip-pool.ts";
import type { Node, NodeAddress, TunnelAddresses } from "../../../tunnels/model/node.ts";
import type { Resource, ResourceChange } from "../../../tunnels/model/snapshot.ts";
import { vtepMac } from "../../../tunnels/model/vtep.ts";

/**
 *     pool NAME CIDR [vxlan|ipip|none] [Always|CrossSubnet|Never] [LoadBalancer] [nat=no]
 *     node NAME [ADDRESS[/LENGTH]]… [vxlan=IP] [mac=MAC] [ipip=IP] [pod=CIDR] [other=IP]
 *     block CIDR [NODE] [as=NAME] [NODE=ADDRESS]…          (the last form: borrowed)
 */
export function resource(line: string): Resource {
  const [kind, ...words] = line.trim().split(/\s+/);
  if (kind === "pool") return pool(words);
  if (kind === "node") return node(words);
  if (kind === "block") return block(words);
  throw new SyntaxError(`no resource: "${line}"`);
}

/** Lines that put resources; a leading "-" removes the one of this kind and name. */
export function changes(lines: readonly string[]): ResourceChange[] {
  return lines.map((line): ResourceChange => {
    const made = resource(line.replace(/^-/, ""));
    const removed = line.startsWith("-");
    return { kind: made.kind, name: made.name, resource: removed ? undefined : made };
  });
}

function pool([name = "", cidr = "", ...words]: string[]): IpPool {
  const encap = (["vxlan", "ipip"].find((word) => words.includes(word)) ?? "none") as EncapMode;
  const mode = words.find((word) => ["Always", "CrossSubnet", "Never"].includes(word));
  return {
    kind: "IPPool",
    name,
    cidr: parseCidr(cidr),
    encap,
    mode: encap === "none" ? "Never" : ((mode ?? "Always") as PoolMode),
    routed: !words.includes("LoadBalancer"),
    natOutgoing: !words.includes("nat=no"),
  };
}

function node([name = "", ...words]: string[]): Node {
  const addresses: { 4?: NodeAddress; 6?: NodeAddress } = {};
  const tunnel: { -readonly [Name in keyof TunnelAddresses]: TunnelAddresses[Name] } = {};
  const otherAddresses: IpAddress[] = [];
  const podCidrs = [];
  for (const word of words) {
    const [key = "", value] = word.split("=");
    if (value === undefined) {
      const { address, length } = parseAddressWithLength(key);
      addresses[address.family] = { address, subnetLength: length, source: "BGP" };
    } else if (key === "pod") podCidrs.push(parseCidr(value));
    else if (key === "other") otherAddresses.push(parseIp(value));
    else if (key === "mac") tunnel.vxlanMac = value as MacAddress;
    else if (key === "mac6") tunnel.vxlan6Mac = value as MacAddress;
    else if (key === "ipip") tunnel.ipip = parseIp(value);
    else tunnel[parseIp(value).family === 6 ? "vxlan6" : "vxlan"] = parseIp(value);
  }
  return {
    kind: "Node",
    name,
    ipv4: addresses[4],
    ipv6: addresses[6],
    tunnel,
    otherAddresses,
    podCidrs,
  };
}

function block([cidr = "", ...words]: string[]): Block {
  let owner: string | undefined;
  let name = cidr.replace(/[.:/]/g, "-");
  const borrowed: BorrowedAddress[] = [];
  for (const word of words) {
    const [key = "", value] = word.split("=");
    if (value === undefined) owner = key;
    else if (key === "as") name = value;
    else borrowed.push({ node: key, address: parseIp(value) });
  }
  return { kind: "IPAMBlock", name, cidr: parseCidr(cidr), node: owner, borrowed };
}

/**
 * The line in the other family: 10.0.1.0/29 becomes fd00::a00:100/125, the devices and the numbers
 * that go with them are those of IPv6. MAC(birch) stands for the MAC that follows from the name, and
 * 10.0.1.1@MAC(birch) for the gateway of that VTEP, which in IPv6 is the link-local address of its MAC.
 */
export function twin(family: Family, line: string): string {
  const macs = line.replace(/MAC\((\w+)\)/g, (_, name: string) => vtepMac(name, family));
  if (family === 4) return macs.replace(/@[0-9a-f:]+/g, "");
  return macs
    .replace(/[\d.]+@([0-9a-f:]+)/g, (_, mac: string) => `${linkLocalOf(parseMac(mac))}`)
    .replace(/(\d+\.\d+\.\d+\.\d+)(?:\/(\d+))?/g, (_, ip: string, length?: string) => {
      if (ip === "0.0.0.0") return length === undefined ? "::" : "::/64";
      const mapped = new IpAddress(6, 0xfd000000, 0, 0, parseIp(ip).w0);
      return length === undefined ? `${mapped}` : `${mapped}/${Number(length) + 96}`;
    })
    .replaceAll("vxlan.causeway", "vxlan6.causeway")
    .replaceAll("mac=", "mac6=")
    .replaceAll("IPv4", "IPv6")
    .replaceAll("VXLAN", "IPv6 VXLAN")
    .replaceAll("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding");
}

export function twinIp(family: Family, ip: string): IpAddress {
  return parseIp(twin(family, ip));
}

/** A resource of the model as one line of JSON, and back: the form of the snapshot on disk. */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import { type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { Block } from "../../tunnels/model/block.ts";
import type { IpPool, PoolMode } from "../../tunnels/model/ip-pool.ts";
import type { Node, NodeAddress } from "../../tunnels/model/node.ts";
import type { FelixConfiguration, OverlaySettings } from "../../tunnels/model/overlay-settings.ts";
import type { Resource } from "../../tunnels/model/snapshot.ts";

type Json = ReturnType<typeof JSON.parse>;

/** Equal resources have equal texts. */
export function encodeResource(resource: Resource): string {
  // Most of a store is blocks, and most of these have nothing but a prefix and a node.
  if (resource.kind === "IPAMBlock") return encodeBlock(resource);
  if (resource.kind === "FelixConfiguration") {
    const { kind, name, settings } = resource;
    return JSON.stringify({ kind, name, settings: Object.entries(settings).sort() });
  }
  return JSON.stringify(resource);
}

/** @throws for text that encodeResource did not write. */
export function decodeResource(text: string): Resource {
  const json: Json = JSON.parse(text);
  switch (json.kind) {
    case "IPAMBlock":
      return decodeBlock(json);
    case "IPPool":
      return decodePool(json);
    case "Node":
      return decodeNode(json);
    case "FelixConfiguration":
      return decodeFelixConfiguration(json);
    default:
      throw new SyntaxError(`unknown kind ${json.kind}`);
  }
}

function encodeBlock({ kind, name, cidr, node, borrowed }: Block): string {
  const pairs = borrowed.map(({ address, node: user }) => [address, user]);
  return JSON.stringify(
    pairs.length === 0 ? { kind, name, cidr, node } : { kind, name, cidr, node, borrowed: pairs },
  );
}

function decodeBlock(json: Json): Block {
  const pairs: [string, string][] = json.borrowed ?? [];
  return {
    kind: "IPAMBlock",
    name: textOf(json.name),
    cidr: parseCidr(json.cidr),
    node: json.node === undefined ? undefined : textOf(json.node),
    borrowed: pairs.map(([address, node]) => ({ address: parseIp(address), node: textOf(node) })),
  };
}

function decodePool(json: Json): IpPool {
  return {
    kind: "IPPool",
    name: textOf(json.name),
    cidr: parseCidr(json.cidr),
    encap: textOf(json.encap) as EncapMode,
    mode: textOf(json.mode) as PoolMode,
    routed: json.routed === true,
    natOutgoing: json.natOutgoing === true,
  };
}

function decodeNode(json: Json): Node {
  const address = (value: Json): NodeAddress | undefined =>
    value === undefined
      ? undefined
      : {
          address: parseIp(value.address),
          subnetLength: value.subnetLength,
          source: value.source,
        };
  const { vxlan, vxlanMac, vxlan6, vxlan6Mac, ipip } = json.tunnel;
  const ip = (value: Json): IpAddress => parseIp(value);
  const mac = (value: Json): MacAddress => parseMac(value);
  return {
    kind: "Node",
    name: textOf(json.name),
    ipv4: address(json.ipv4),
    ipv6: address(json.ipv6),
    tunnel: {
      ...(vxlan === undefined ? {} : { vxlan: ip(vxlan) }),
      ...(vxlanMac === undefined ? {} : { vxlanMac: mac(vxlanMac) }),
      ...(vxlan6 === undefined ? {} : { vxlan6: ip(vxlan6) }),
      ...(vxlan6Mac === undefined ? {} : { vxlan6Mac: mac(vxlan6Mac) }),
      ...(ipip === undefined ? {} : { ipip: ip(ipip) }),
    },
    otherAddresses: json.otherAddresses.map(ip),
    podCidrs: json.podCidrs.map((text: string): Cidr => parseCidr(text)),
  };
}

function decodeFelixConfiguration(json: Json): FelixConfiguration {
  const settings = Object.fromEntries(
    json.settings.map(([key, value]: [keyof OverlaySettings, Json]) =>
      key === "routeSource" || key === "routeSource6" ? [key, parseIp(value)] : [key, value],
    ),
  );
  return { kind: "FelixConfiguration", name: textOf(json.name), settings };
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw new SyntaxError("a text is missing");
  return value;
}

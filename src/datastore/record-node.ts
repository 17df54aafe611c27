/** Node of projectcalico.org: addresses, and what the node is called inside the overlay. */
import { type Cidr, parseAddressWithLength, parseCidr } from "../../encap/address/cidr.ts";
import { type Family, type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { isUnicastMac, type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import type { Node, NodeAddress, TunnelAddresses } from "../../tunnels/model/node.ts";
import type { FieldPath, FieldProblem, ProblemList } from "./record-problem.ts";

/** On a node's record while somebody asks whether its agent lives (src/register/roll-call.ts). */
export const ROLL_CALL = "causeway/roll-call";

export interface RawMetadata {
  readonly annotations?: Readonly<Record<string, unknown>> | null;
}

/** One element of `spec.addresses` or `status.addresses`. */
export interface RawAddress {
  readonly address?: string | null;
  readonly type?: string | null;
}

export interface RawNode {
  readonly metadata?: RawMetadata | null;
  readonly spec?: {
    readonly bgp?: {
      readonly ipv4Address?: string | null;
      readonly ipv6Address?: string | null;
      readonly ipv4IPIPTunnelAddr?: string | null;
    } | null;
    readonly ipv4VXLANTunnelAddr?: string | null;
    readonly vxlanTunnelMACAddr?: string | null;
    readonly ipv6VXLANTunnelAddr?: string | null;
    readonly vxlanTunnelMACAddrV6?: string | null;
    readonly addresses?: readonly RawAddress[] | null;
    readonly podCIDRs?: readonly string[] | null;
  } | null;
  readonly status?: { readonly podCIDRs?: readonly string[] | null } | null;
}

/** The overlay's text fields of a node, the same for both kinds of Node. */
export type NodeTexts = { readonly [Field in NodeField]: string | null | undefined };
/** Where each of them stands. */
export type NodePaths = { readonly [Field in NodeField]: FieldPath };

export type NodeField = "bgp4" | "bgp6" | "ipip" | "vxlan" | "vxlanMac" | "vxlan6" | "vxlan6Mac";

const PATHS: NodePaths = {
  bgp4: ["spec", "bgp", "ipv4Address"],
  bgp6: ["spec", "bgp", "ipv6Address"],
  ipip: ["spec", "bgp", "ipv4IPIPTunnelAddr"],
  vxlan: ["spec", "ipv4VXLANTunnelAddr"],
  vxlanMac: ["spec", "vxlanTunnelMACAddr"],
  vxlan6: ["spec", "ipv6VXLANTunnelAddr"],
  vxlan6Mac: ["spec", "vxlanTunnelMACAddrV6"],
};

/** Reads a record whose shape is right. Undefined where `problems` says why. */
export function readNode(name: string, raw: RawNode, problems: ProblemList): Node | undefined {
  const { spec, status } = raw;
  const bgp = spec?.bgp;
  const texts: NodeTexts = {
    bgp4: bgp?.ipv4Address,
    bgp6: bgp?.ipv6Address,
    ipip: bgp?.ipv4IPIPTunnelAddr,
    vxlan: spec?.ipv4VXLANTunnelAddr,
    vxlanMac: spec?.vxlanTunnelMACAddr,
    vxlan6: spec?.ipv6VXLANTunnelAddr,
    vxlan6Mac: spec?.vxlanTunnelMACAddrV6,
  };
  const podCidrs = spec?.podCIDRs
    ? readPodCidrs(["spec", "podCIDRs"], spec.podCIDRs, problems, "error")
    : readPodCidrs(["status", "podCIDRs"], status?.podCIDRs ?? [], problems, "error");
  const fields = new NodeFields(texts, PATHS, problems, "error");
  const node = buildNode(name, fields, spec?.addresses ?? [], podCidrs);
  return problems.hasErrors ? undefined : withRollCall(node, raw.metadata);
}

export function withRollCall(node: Node, metadata: RawMetadata | null | undefined): Node {
  const rollCall = metadata?.annotations?.[ROLL_CALL];
  return typeof rollCall === "string" ? { ...node, rollCall } : node;
}

/** The text fields, as what they say. */
export class NodeFields {
  readonly #texts: NodeTexts;
  readonly #paths: NodePaths;
  readonly #problems: ProblemList;
  readonly #severity: FieldProblem["severity"];

  /** `severity` says what a wrong value is: an error that refuses the node, or one to pass over. */
  constructor(
    texts: NodeTexts,
    paths: NodePaths,
    problems: ProblemList,
    severity: FieldProblem["severity"],
  ) {
    this.#texts = texts;
    this.#paths = paths;
    this.#problems = problems;
    this.#severity = severity;
  }

  /** What `parse` makes of the field; undefined where it is absent, empty or wrong. */
  read<T>(field: NodeField, parse: (text: string) => T): T | undefined {
    const text = this.#texts[field];
    if (!text) return undefined;
    return this.#problems.attempt(this.#paths[field], text, parse, this.#severity);
  }
}

export function buildNode(
  name: string,
  fields: NodeFields,
  listed: readonly RawAddress[],
  podCidrs: readonly Cidr[],
): Node {
  const addresses = readListedAddresses(listed);
  const ipv4 = fields.read("bgp4", parseBgp4) ?? firstListed(addresses, 4);
  const ipv6 = fields.read("bgp6", parseBgp6) ?? firstListed(addresses, 6);
  const tunnel = readTunnel(fields);
  const otherAddresses: IpAddress[] = [];
  for (const { address } of addresses) {
    const isKnown = ipv4?.address.equals(address) || ipv6?.address.equals(address);
    if (!isKnown && !otherAddresses.some((one) => one.equals(address))) {
      otherAddresses.push(address);
    }
  }
  return { kind: "Node", name, ipv4, ipv6, tunnel, otherAddresses, podCidrs };
}

function readTunnel(fields: NodeFields): TunnelAddresses {
  const tunnel: { -readonly [Key in keyof TunnelAddresses]: TunnelAddresses[Key] } = {};
  const vxlan = fields.read("vxlan", parseIpv4);
  const vxlanMac = fields.read("vxlanMac", parseUnicastMac);
  const vxlan6 = fields.read("vxlan6", parseIpv6);
  const vxlan6Mac = fields.read("vxlan6Mac", parseUnicastMac);
  const ipip = fields.read("ipip", parseIpv4);
  if (vxlan !== undefined) tunnel.vxlan = vxlan;
  if (vxlanMac !== undefined) tunnel.vxlanMac = vxlanMac;
  if (vxlan6 !== undefined) tunnel.vxlan6 = vxlan6;
  if (vxlan6Mac !== undefined) tunnel.vxlan6Mac = vxlan6Mac;
  if (ipip !== undefined) tunnel.ipip = ipip;
  return tunnel;
}

/** Blocks of the node where the datastore holds no IPAMBlock. */
export function readPodCidrs(
  path: FieldPath,
  texts: readonly string[],
  problems: ProblemList,
  severity: FieldProblem["severity"],
): readonly Cidr[] {
  return texts.flatMap((text, at) => {
    const cidr = problems.attempt([...path, at], text, parseCidr, severity);
    return cidr === undefined ? [] : [cidr];
  });
}

interface ListedAddress {
  readonly address: IpAddress;
  readonly length: number | undefined;
  readonly type: string | null | undefined;
}

/** DNS names stand in the same list and are passed over. */
function readListedAddresses(listed: readonly RawAddress[]): ListedAddress[] {
  const addresses: ListedAddress[] = [];
  for (const { address: text, type } of listed) {
    if (!text) continue;
    try {
      const { address, length } = parseAddressWithLength(text);
      if (!isUnspecified(address)) addresses.push({ address, length, type });
    } catch {}
  }
  return addresses;
}

function firstListed(addresses: readonly ListedAddress[], family: Family): NodeAddress | undefined {
  for (const source of ["InternalIP", "ExternalIP"] as const) {
    const found = addresses.find((one) => one.type === source && one.address.family === family);
    if (found) return { address: found.address, subnetLength: found.length, source };
  }
  return undefined;
}

function parseBgp4(text: string): NodeAddress {
  return parseBgp(text, 4);
}

function parseBgp6(text: string): NodeAddress {
  return parseBgp(text, 6);
}

function parseBgp(text: string, family: Family): NodeAddress {
  const { address, length } = parseAddressWithLength(text);
  checkFamily(address, family);
  return { address, subnetLength: length, source: "BGP" };
}

function parseIpv4(text: string): IpAddress {
  const address = parseIp(text);
  checkFamily(address, 4);
  return address;
}

function parseIpv6(text: string): IpAddress {
  const address = parseIp(text);
  checkFamily(address, 6);
  return address;
}

/** @throws SyntaxError for the wrong family and for 0.0.0.0 and ::. */
export function checkFamily(address: IpAddress, family: Family): void {
  if (address.family !== family) throw new SyntaxError(`not an IPv${family} address`);
  if (isUnspecified(address)) throw new SyntaxError("the unspecified address names no node");
}

function isUnspecified(ip: IpAddress): boolean {
  return (ip.w0 | ip.w1 | ip.w2 | ip.w3) === 0;
}

function parseUnicastMac(text: string): MacAddress {
  const mac = parseMac(text);
  if (!isUnicastMac(mac)) throw new SyntaxError("not a unicast MAC address");
  return mac;
}

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

/** The overlay's text fields of a node and where each stands, the same for both kinds of Node. */
export interface NodeTexts {
  readonly bgp4: TextField;
  readonly bgp6: TextField;
  readonly ipip: TextField;
  readonly vxlan: TextField;
  readonly vxlanMac: TextField;
  readonly vxlan6: TextField;
  readonly vxlan6Mac: TextField;
}

export interface TextField {
  readonly path: FieldPath;
  readonly text: string | null | undefined;
}

/** Reads a record whose shape is right. Undefined where `problems` says why. */
export function readNode(name: string, raw: RawNode, problems: ProblemList): Node | undefined {
  const { spec, status } = raw;
  const bgp = spec?.bgp;
  const texts: NodeTexts = {
    bgp4: { path: ["spec", "bgp", "ipv4Address"], text: bgp?.ipv4Address },
    bgp6: { path: ["spec", "bgp", "ipv6Address"], text: bgp?.ipv6Address },
    ipip: { path: ["spec", "bgp", "ipv4IPIPTunnelAddr"], text: bgp?.ipv4IPIPTunnelAddr },
    vxlan: { path: ["spec", "ipv4VXLANTunnelAddr"], text: spec?.ipv4VXLANTunnelAddr },
    vxlanMac: { path: ["spec", "vxlanTunnelMACAddr"], text: spec?.vxlanTunnelMACAddr },
    vxlan6: { path: ["spec", "ipv6VXLANTunnelAddr"], text: spec?.ipv6VXLANTunnelAddr },
    vxlan6Mac: { path: ["spec", "vxlanTunnelMACAddrV6"], text: spec?.vxlanTunnelMACAddrV6 },
  };
  const podCidrs = spec?.podCIDRs
    ? readPodCidrs(["spec", "podCIDRs"], spec.podCIDRs, problems, "error")
    : readPodCidrs(["status", "podCIDRs"], status?.podCIDRs ?? [], problems, "error");
  const node = buildNode(name, texts, spec?.addresses ?? [], podCidrs, problems, "error");
  return problems.hasErrors ? undefined : withRollCall(node, raw.metadata);
}

export function withRollCall(node: Node, metadata: RawMetadata | null | undefined): Node {
  const rollCall = metadata?.annotations?.[ROLL_CALL];
  return typeof rollCall === "string" ? { ...node, rollCall } : node;
}

/** `severity` says what a wrong value is: an error that refuses the node, or one to pass over. */
export function buildNode(
  name: string,
  texts: NodeTexts,
  listed: readonly RawAddress[],
  podCidrs: readonly Cidr[],
  problems: ProblemList,
  severity: FieldProblem["severity"],
): Node {
  const address = (field: TextField, family: Family): IpAddress | undefined =>
    field.text ? readIpField(field.path, field.text, family, problems, severity) : undefined;
  const mac = (field: TextField): MacAddress | undefined =>
    field.text ? problems.attempt(field.path, field.text, parseUnicastMac, severity) : undefined;
  const bgp = (field: TextField, family: Family): NodeAddress | undefined =>
    field.text ? readBgpAddress(field.path, field.text, family, problems, severity) : undefined;

  const addresses = listed.flatMap(readListedAddress);
  const ipv4 = bgp(texts.bgp4, 4) ?? firstListed(addresses, 4);
  const ipv6 = bgp(texts.bgp6, 6) ?? firstListed(addresses, 6);
  const tunnel = present({
    vxlan: address(texts.vxlan, 4),
    vxlanMac: mac(texts.vxlanMac),
    vxlan6: address(texts.vxlan6, 6),
    vxlan6Mac: mac(texts.vxlan6Mac),
    ipip: address(texts.ipip, 4),
  });
  const otherAddresses: IpAddress[] = [];
  for (const { address: other } of addresses) {
    const known = [ipv4?.address, ipv6?.address, ...otherAddresses];
    if (!known.some((one) => one?.equals(other))) otherAddresses.push(other);
  }
  return { kind: "Node", name, ipv4, ipv6, tunnel, otherAddresses, podCidrs };
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
function readListedAddress({ address, type }: RawAddress): ListedAddress[] {
  if (!address) return [];
  try {
    const parsed = parseAddressWithLength(address);
    return isUnspecified(parsed.address) ? [] : [{ ...parsed, type }];
  } catch {
    return [];
  }
}

function firstListed(addresses: readonly ListedAddress[], family: Family): NodeAddress | undefined {
  for (const source of ["InternalIP", "ExternalIP"] as const) {
    const found = addresses.find((one) => one.type === source && one.address.family === family);
    if (found) return { address: found.address, subnetLength: found.length, source };
  }
  return undefined;
}

function readBgpAddress(
  path: FieldPath,
  text: string,
  family: Family,
  problems: ProblemList,
  severity: FieldProblem["severity"],
): NodeAddress | undefined {
  const parse = (value: string): NodeAddress => {
    const { address, length } = parseAddressWithLength(value);
    checkFamily(address, family);
    return { address, subnetLength: length, source: "BGP" };
  };
  return problems.attempt(path, text, parse, severity);
}

function readIpField(
  path: FieldPath,
  text: string,
  family: Family,
  problems: ProblemList,
  severity: FieldProblem["severity"],
): IpAddress | undefined {
  const parse = (value: string): IpAddress => {
    const address = parseIp(value);
    checkFamily(address, family);
    return address;
  };
  return problems.attempt(path, text, parse, severity);
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

function present(
  parts: {
    readonly [Key in keyof TunnelAddresses]-?: TunnelAddresses[Key] | undefined;
  },
): TunnelAddresses {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}

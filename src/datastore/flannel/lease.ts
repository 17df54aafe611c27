/**
 * A subnet lease: what a node of a flannel network tells the others of itself. In etcd it is a key
 * named after the subnet with this JSON as its value, in Kubernetes annotations of the Node
 * (annotations.ts).
 */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { type Family, type IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { isUnicastMac, type MacAddress, parseMac } from "../../../encap/address/mac-address.ts";
import type { Node, NodeAddress } from "../../../tunnels/model/node.ts";
import type { FieldPath, ProblemList } from "../record-problem.ts";

/** One family of a lease. */
export interface LeaseEnd {
  readonly publicIp: IpAddress;
  /** Of the node's VXLAN device. */
  readonly mac: MacAddress;
}

export type LeaseEnds = { readonly [F in Family]?: LeaseEnd };

export const VXLAN = "vxlan";

/**
 * The value of a key in etcd, byte for byte as flannel writes it: the MAC has to be the last string
 * of `BackendData`, with no space before it, or flannel does not find its own again.
 */
export function formatLease(ends: LeaseEnds, vni: number): string {
  const data = (family: Family): object | undefined =>
    ends[family] && { VNI: vni, VtepMAC: ends[family].mac };
  return JSON.stringify({
    PublicIP: String(ends[4]?.publicIp ?? "0.0.0.0"),
    PublicIPv6: ends[6] === undefined ? null : String(ends[6].publicIp),
    BackendType: VXLAN,
    BackendData: data(4),
    BackendV6Data: data(6),
  });
}

/** `BackendData` of one family, as it stands in an annotation. */
export function formatBackendData({ mac }: LeaseEnd, vni: number): string {
  return JSON.stringify({ VNI: vni, VtepMAC: mac });
}

/** Undefined where `problems` says why; a lease of another backend is only a warning. */
export function readLease(raw: unknown, problems: ProblemList): LeaseEnds | undefined {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    problems.error([], "must be an object", raw);
    return undefined;
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  if (!checkBackend(fields["BackendType"], ["BackendType"], problems)) return undefined;
  const end = (family: Family, ip: string, data: string): LeaseEnd | undefined => {
    const value = fields[ip];
    if (value === undefined || value === null || value === "0.0.0.0") return undefined;
    const texts = { ip: { path: [ip], value }, data: { path: [data], value: fields[data] } };
    return readEnd(family, texts, problems);
  };
  const ends = {
    ...present(4, end(4, "PublicIP", "BackendData")),
    ...present(6, end(6, "PublicIPv6", "BackendV6Data")),
  };
  if (problems.hasErrors) return undefined;
  if (ends[4] === undefined && ends[6] === undefined) {
    problems.error(["PublicIP"], "missing");
    return undefined;
  }
  return ends;
}

/** Flannel's udp backend writes no type at all. */
export function checkBackend(type: unknown, path: FieldPath, problems: ProblemList): boolean {
  if (type === VXLAN) return true;
  const reason = "not of type vxlan: there is no way to the subnet of this node";
  problems.warn(path, reason, type ?? "udp");
  return false;
}

interface Placed {
  readonly path: FieldPath;
  readonly value: unknown;
}

/** @param data parsed JSON */
export function readEnd(
  family: Family,
  { ip, data }: { readonly ip: Placed; readonly data: Placed },
  problems: ProblemList,
): LeaseEnd | undefined {
  const publicIp = problems.attempt(ip.path, String(ip.value), (text) => {
    const address = parseIp(text);
    if (address.family !== family) throw new SyntaxError(`is not an IPv${family} address`);
    return address;
  });
  const text = (data.value as { VtepMAC?: unknown } | null | undefined)?.VtepMAC;
  if (typeof text !== "string") {
    problems.error([...data.path, "VtepMAC"], "missing");
    return undefined;
  }
  const mac = problems.attempt([...data.path, "VtepMAC"], text, (value) => {
    const parsed = parseMac(value);
    if (!isUnicastMac(parsed)) throw new SyntaxError("is not the MAC address of a device");
    return parsed;
  });
  return publicIp && mac && { publicIp, mac };
}

/** A node with its lease: its tunnel addresses are the first of its subnets, as flannel has it. */
export function nodeOfLease(name: string, subnets: readonly Cidr[], ends: LeaseEnds): Node {
  const address = (family: Family): NodeAddress | undefined => {
    const end = ends[family];
    return end && { address: end.publicIp, subnetLength: undefined, source: "InternalIP" };
  };
  const [four, six] = [4, 6].map((family) => subnets.find((one) => one.family === family));
  return {
    kind: "Node",
    name,
    ipv4: address(4),
    ipv6: address(6),
    tunnel: {
      ...(four && ends[4] && { vxlan: four.address, vxlanMac: ends[4].mac }),
      ...(six && ends[6] && { vxlan6: six.address, vxlan6Mac: ends[6].mac }),
    },
    otherAddresses: [],
    podCidrs: subnets,
  };
}

/** "10.5.52.0-24", and for both families "10.5.52.0-24&fd00-5-52---64". */
export function formatSubnetName(subnets: readonly Cidr[]): string {
  const sorted = [...subnets].sort((a, b) => a.family - b.family);
  return sorted.map((one) => `${one}`.replaceAll(":", "-").replace("/", "-")).join("&");
}

/** @throws SyntaxError or RangeError for what is no subnet */
export function parseSubnetName(name: string): Cidr[] {
  return name.split("&").map((text) => {
    const at = text.lastIndexOf("-");
    const address = text.slice(0, at);
    const isIpv4 = address.includes(".");
    return parseCidr(`${isIpv4 ? address : address.replaceAll("-", ":")}/${text.slice(at + 1)}`);
  });
}

function present(family: Family, end: LeaseEnd | undefined): LeaseEnds {
  return end === undefined ? {} : { [family]: end };
}

/** What the conformance cases of the kernel port work with: a kernel, and somebody else in it. */
import { parseCidr } from "../../encap/address/cidr.ts";
import { parseIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import type { Kernel, KernelChange, OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import type {
  Address,
  FdbEntry,
  Link,
  Neighbour,
  Nexthop,
  Route,
  RoutePath,
  VxlanParameters,
} from "../../tunnels/kernel/kernel-state.ts";

/** Another program in the same kernel; its changes are not ours and are announced. */
export interface Outsider {
  setLink(name: string, change: "up" | "down" | { mac: string } | { mtu: number }): Promise<void>;
  deleteLink(name: string): Promise<void>;
  addRoute(route: { to: string; via: string; dev: string; metric?: number }): Promise<void>;
  deleteRoute(to: string): Promise<void>;
  deleteNeighbour(device: string, ip: string): Promise<void>;
  deleteFdb(device: string, mac: string): Promise<void>;
  deleteNexthop(id: number): Promise<void>;
  deleteAddress(device: string, ipWithLength: string): Promise<void>;
}

export interface Lab {
  readonly kernel: Kernel;
  readonly outsider: Outsider;
  close(): Promise<void>;
}

/** The parent device in every lab: up, 10.0.0.1/24 and fd00::1/64. */
export const PARENT = "under0";
export const VXLAN = "vxlan.causeway";
export const MAC: MacAddress = parseMac("66:00:00:00:00:02");
export const OTHER_MAC: MacAddress = parseMac("66:00:00:00:00:03");

export const VXLAN_PARAMETERS: VxlanParameters = {
  kind: "vxlan",
  vni: 4096,
  port: 4789,
  local: parseIp("10.0.0.1"),
  parent: PARENT,
  learning: false,
  external: false,
  group: undefined,
  ttl: 0,
  tos: 0,
  ttlInherit: false,
  ageing: 300,
  proxy: false,
  l2miss: false,
  l3miss: false,
  gbp: false,
  udpChecksum: true,
  zeroChecksum6Tx: false,
  zeroChecksum6Rx: false,
  portLow: 0,
  portHigh: 0,
};

export const LINK: Link = {
  name: VXLAN,
  ifindex: 0,
  up: true,
  running: true,
  mtu: 1450,
  mac: parseMac("66:00:00:00:00:01"),
  kind: "vxlan",
  tunnel: VXLAN_PARAMETERS,
};

/** The same objects for both families. */
export const FAMILIES = [
  {
    family: 4 as const,
    tunnelIp: "10.1.0.0",
    gateway: "10.1.0.64",
    otherGateway: "10.1.0.128",
    destination: "10.2.0.0/26",
    otherDestination: "10.2.0.64/26",
    underlay: "10.0.0.9",
    unreachable: "ENETUNREACH",
  },
  {
    family: 6 as const,
    tunnelIp: "fd00:1::",
    gateway: "fd00:1::40",
    otherGateway: "fd00:1::80",
    destination: "fd00:2::/122",
    otherDestination: "fd00:2::40/122",
    underlay: "fd00::9",
    unreachable: "EHOSTUNREACH",
  },
];

export type FamilyCase = (typeof FAMILIES)[number];

export function linkOp(verb: "add" | "replace" | "delete", object: Link, actual?: Link): KernelOp {
  const op = { kind: "link", verb, object, reason: "missing" } as const;
  return actual === undefined ? op : { ...op, actual };
}

export function addressOp(verb: "add" | "delete", ip: string, device = VXLAN): KernelOp {
  const address = parseIp(ip);
  const prefixLength = address.family === 4 ? 32 : 128;
  const object: Address = { device, ip: address, prefixLength, scope: "global" };
  return { kind: "address", verb, object, reason: "missing" };
}

export function neighbourOp(
  verb: "replace" | "delete",
  ip: string,
  mac: MacAddress = MAC,
): KernelOp {
  const object: Neighbour = { device: VXLAN, ip: parseIp(ip), mac, permanent: true };
  return { kind: "neighbour", verb, object, reason: "missing" };
}

export function fdbOp(
  verb: "replace" | "delete",
  destination: string,
  mac: MacAddress = MAC,
): KernelOp {
  const object: FdbEntry = { device: VXLAN, mac, destination: parseIp(destination) };
  return { kind: "fdb", verb, object, reason: "missing" };
}

export function nexthopOp(
  verb: "add" | "replace" | "delete",
  id: number,
  gateway: string,
  device = VXLAN,
): KernelOp {
  const ip = parseIp(gateway);
  const base = { id, family: ip.family, device, gateway: ip, protocol: 202 };
  const object: Nexthop = { ...base, onlink: true };
  return { kind: "nexthop", verb, object, reason: "missing" };
}

export function pathOf(family: 4 | 6, path: Partial<RoutePath>): RoutePath {
  return {
    family,
    type: "unicast",
    protocol: 202,
    nexthopId: undefined,
    device: undefined,
    gateway: undefined,
    onlink: false,
    mtu: undefined,
    source: undefined,
    ...path,
  };
}

/** A path over the tunnel device. */
export function viaGateway(gateway: string): RoutePath {
  const ip = parseIp(gateway);
  return pathOf(ip.family, { device: VXLAN, gateway: ip, onlink: true });
}

export function routeOp(
  verb: "add" | "replace" | "delete",
  destination: string,
  path: RoutePath,
): KernelOp {
  const object: Route = { destination: parseCidr(destination), path };
  return { kind: "route", verb, object, reason: "missing" };
}

/** Carries out operations of which none may fail. */
export async function applyAll(kernel: Kernel, ops: readonly KernelOp[]): Promise<void> {
  const failures = await kernel.apply(ops);
  if (failures.length > 0) throw new Error(describeFailures(failures));
}

export function codesOf(failures: readonly OpFailure[]): string[] {
  return failures.map(({ code }) => code);
}

function describeFailures(failures: readonly OpFailure[]): string {
  return failures
    .map(({ op, code, message }) => `${op.verb} ${op.kind}: ${message} (${code})`)
    .join("; ");
}

/** Events in the order they came; `until` waits for one of them. */
export class Witness {
  readonly changes: KernelChange[] = [];
  #wake: (() => void) | undefined;

  static async of(kernel: Kernel): Promise<Witness> {
    const witness = new Witness();
    await kernel.watch((change) => {
      witness.changes.push(change);
      witness.#wake?.();
    });
    return witness;
  }

  async until(isIt: (change: KernelChange) => boolean): Promise<KernelChange> {
    const deadline = Date.now() + 5_000;
    for (;;) {
      const found = this.changes.find(isIt);
      if (found !== undefined) return found;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`it never came; seen: ${JSON.stringify(this.changes)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

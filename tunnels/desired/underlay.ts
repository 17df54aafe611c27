/** What this node's own links say about the underlay: which one carries tunnel packets. */
import { addressBits, type Family, type IpAddress } from "../../encap/address/ip-address.ts";
import type { UnderlayMtu } from "../../encap/encap-mode.ts";
import type { Address, Link, Sysctl, UnderlayRoute } from "../kernel/kernel-state.ts";
import { localOf, parentOf } from "../kernel/kernel-state.ts";
import { CAUSEWAY_DEVICES, type DeviceNames } from "../kernel/ownership.ts";
import type { Node } from "../model/node.ts";
import { compareText } from "./name-order.ts";
import { nodeAddress } from "./tunnel-role.ts";

export interface UnderlayParent {
  readonly address: IpAddress;
  /** The parent device: the link that holds the node address. */
  readonly device: string;
  readonly mtu: UnderlayMtu;
  /** Of the node address on that link. */
  readonly prefixLength: number;
  /** Set: the link does not hold the node address at present, and no other does. */
  readonly lost?: string;
}

export interface NoParent {
  readonly device: undefined;
  readonly reason: string;
}

export interface Underlay {
  readonly 4: UnderlayParent | NoParent;
  readonly 6: UnderlayParent | NoParent;
  /** Routes of others through the parent devices. */
  readonly routes: readonly UnderlayRoute[];
  /** Every tunnel device in the kernel, ours and others'. */
  readonly tunnels: readonly Link[];
  /** How the devices filter, as `reversePathSysctls` names it; empty where nobody has read it. */
  readonly sysctls: ReadonlyMap<string, Sysctl>;
}

export const UNREAD_UNDERLAY: Underlay = {
  4: { device: undefined, reason: "the links of this node have not been read yet" },
  6: { device: undefined, reason: "the links of this node have not been read yet" },
  routes: [],
  tunnels: [],
  sysctls: new Map(),
};

/** A tunnel in userspace, which its device says nothing of. */
export interface ServedTunnel {
  readonly endpoint: { readonly localAddress: IpAddress } | undefined;
  /** Name of the parent device. */
  readonly parent: string;
}

/**
 * Pure: the same links and addresses in any order give the same parent.
 * @param served the tunnels that the data path has now
 */
export function findUnderlay(
  links: ReadonlyMap<string, Link>,
  addresses: ReadonlyMap<string, Address>,
  localNode: Node | undefined,
  routes: readonly UnderlayRoute[] = [],
  sysctls: ReadonlyMap<string, Sysctl> = new Map(),
  served: Iterable<ServedTunnel> = [],
  devices: DeviceNames = CAUSEWAY_DEVICES,
): Underlay {
  return {
    4: findParent(4, links, addresses, localNode, [...served], devices),
    6: findParent(6, links, addresses, localNode, [...served], devices),
    routes,
    tunnels: [...links.values()].filter(({ tunnel }) => tunnel !== undefined).sort(byName),
    sysctls,
  };
}

function findParent(
  family: Family,
  links: ReadonlyMap<string, Link>,
  addresses: ReadonlyMap<string, Address>,
  localNode: Node | undefined,
  served: readonly ServedTunnel[],
  devices: DeviceNames,
): UnderlayParent | NoParent {
  const wanted = nodeAddress(localNode, family)?.address;
  if (wanted === undefined) return { device: undefined, reason: `no IPv${family} node address` };
  const holders: { link: Link; prefixLength: number }[] = [];
  for (const { ip, device, prefixLength } of addresses.values()) {
    const link = links.get(device);
    if (link === undefined || devices.isOurs(device) || !ip.equals(wanted)) continue;
    holders.push({ link, prefixLength });
  }
  holders.sort((a, b) => compareLinks(a.link, b.link) || a.prefixLength - b.prefixLength);
  const [first] = holders;
  if (first === undefined) {
    const reason = `no link holds the node address ${wanted}`;
    return (
      formerParent(wanted, links, served, devices, `${reason}; what was made for it stays`) ?? {
        device: undefined,
        reason,
      }
    );
  }
  const { link, prefixLength } = first;
  if (isLoopback(link)) {
    const reason = `only the loopback device holds the node address ${wanted}`;
    return { device: undefined, reason };
  }
  return { address: wanted, device: link.name, mtu: link.mtu as UnderlayMtu, prefixLength };
}

/**
 * The parent that a device of ours was made with for this node address. The address may be gone for
 * a moment, as IPv6 addresses are when their link goes down: that takes nothing along.
 */
function formerParent(
  wanted: IpAddress,
  links: ReadonlyMap<string, Link>,
  served: readonly ServedTunnel[],
  devices: DeviceNames,
  lost: string,
): UnderlayParent | undefined {
  const own = [...links.values()].filter(({ name }) => devices.isOurs(name)).sort(byName);
  const made = own.find(
    ({ tunnel }) => localOf(tunnel)?.equals(wanted) && links.has(parentOf(tunnel) ?? ""),
  );
  const ours = served.find(({ endpoint }) => endpoint?.localAddress.equals(wanted));
  const link = links.get(parentOf(made?.tunnel) ?? ours?.parent ?? "");
  if (link === undefined) return undefined;
  const { name: device, mtu } = link;
  const prefixLength = addressBits(wanted.family);
  return { address: wanted, device, mtu: mtu as UnderlayMtu, prefixLength, lost };
}

/** A link that can carry packets first, then the older one. */
function compareLinks(a: Link, b: Link): number {
  return (
    Number(isLoopback(a)) - Number(isLoopback(b)) ||
    Number(b.up) - Number(a.up) ||
    Number(b.running) - Number(a.running) ||
    a.ifindex - b.ifindex ||
    compareText(a.name, b.name)
  );
}

function byName(a: Link, b: Link): number {
  return a.name < b.name ? -1 : 1;
}

function isLoopback(link: Link): boolean {
  return link.name === "lo";
}

/**
 * Which address other nodes shall send encapsulated packets to. The ways that the operator names
 * are tried in order: the address itself, a pattern of interface names, a host that has to be
 * reached, a prefix. Only where none is named, the default route says it: an operator's wish that
 * cannot be met now is no reason to register another address.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import { addressBits, type Family, type IpAddress } from "../../encap/address/ip-address.ts";
import { compareText } from "../desired/name-order.ts";
import type { Address, Link } from "../kernel/kernel-state.ts";
import { FLANNEL_DEVICES } from "../kernel/ownership.ts";

/** What the operator asks for; each part is absent where nothing is said. */
export interface AddressWish {
  /** With or without a prefix length, at most one of each family. */
  readonly addresses?: readonly WishedAddress[];
  /** Of the interface's name. */
  readonly interfaces?: RegExp;
  /** A host, by name or address. */
  readonly reaches?: string;
  readonly cidrs?: readonly Cidr[];
}

export interface WishedAddress {
  readonly address: IpAddress;
  readonly length: number | undefined;
}

/** What is the case on this node. */
export interface AddressFacts {
  readonly links: Iterable<Link>;
  readonly addresses: Iterable<Address>;
  /** This node's own address on the way to the host that has to be reached. */
  readonly toHost: IpAddress | undefined;
  /** Devices that a default route of the family leads through, the preferred one first. */
  readonly defaultDevices: readonly string[];
  /** Of the pools: what is inside an overlay cannot carry it. */
  readonly pools: readonly Cidr[];
  /** What the record says now; kept as long as it is as good as any other. */
  readonly current: IpAddress | undefined;
}

export interface ChosenAddress {
  readonly address: IpAddress;
  /** Of the subnet that it is in. */
  readonly length: number;
  /** Undefined where no link holds it. */
  readonly device: string | undefined;
  /** "--node-interface", "the default route", … */
  readonly how: string;
}

export interface NoAddress {
  readonly address: undefined;
  readonly reason: string;
}

/** Pure: the order of links and addresses does not matter. */
export function chooseNodeAddress(
  family: Family,
  wish: AddressWish,
  facts: AddressFacts,
): ChosenAddress | NoAddress {
  const fixed = wish.addresses?.find(({ address }) => address.family === family);
  if (fixed !== undefined) return fixedAddress(fixed, facts);
  // Somebody who names only an address of the other family wants none of this one.
  if (wish.addresses !== undefined) return { address: undefined, reason: "none is given" };
  const candidates = candidatesOf(family, facts);
  const ways = waysOf(wish, facts);
  for (const { how, fits } of ways) {
    const fitting = candidates.filter(fits);
    const found = fitting.find(({ ip }) => facts.current?.equals(ip)) ?? fitting[0];
    if (found !== undefined) {
      return { address: found.ip, length: found.prefixLength, device: found.device, how };
    }
  }
  const tried = ways.map(({ how }) => how).join(", ");
  return { address: undefined, reason: `no link has an IPv${family} address by ${tried}` };
}

interface Way {
  readonly how: string;
  readonly fits: (address: Address) => boolean;
}

function waysOf({ interfaces, reaches, cidrs }: AddressWish, facts: AddressFacts): Way[] {
  const ways: Way[] = [];
  if (interfaces !== undefined) {
    const fits = ({ device }: Address): boolean => interfaces.test(device);
    ways.push({ how: `--node-interface ${interfaces.source}`, fits });
  }
  if (reaches !== undefined) {
    const fits = ({ ip }: Address): boolean => facts.toHost?.equals(ip) === true;
    ways.push({ how: `--node-reaches ${reaches}`, fits });
  }
  if (cidrs !== undefined) {
    const fits = ({ ip }: Address): boolean => cidrs.some((cidr) => cidr.contains(ip));
    ways.push({ how: `--node-cidr ${cidrs.join(",")}`, fits });
  }
  if (ways.length > 0) return ways;
  const { defaultDevices } = facts;
  if (defaultDevices.length === 0) return [{ how: "a default route", fits: () => false }];
  return defaultDevices.map((name): Way => {
    return { how: `the default route through ${name}`, fits: ({ device }) => device === name };
  });
}

/** Kinds of links whose packets travel inside others. */
const TUNNELS =
  /^(?:vxlan|geneve|ipip|sit|ip6tnl|gre|gretap|ip6gre|ip6gretap|erspan|vti6?|tun|wireguard|xfrm|bareudp|gtp|ppp)$/;

function candidatesOf(family: Family, { links, addresses, pools }: AddressFacts): Address[] {
  const usable = new Map<string, Link>();
  for (const link of links) if (canCarry(link)) usable.set(link.name, link);
  const fitting = [...addresses].filter(
    ({ ip, device, scope }) =>
      ip.family === family &&
      scope === "global" &&
      usable.has(device) &&
      !pools.some((pool) => pool.contains(ip)),
  );
  return fitting.sort((a, b) => compareCandidates(a, b, usable));
}

function canCarry({ name, up, kind, tunnel }: Link): boolean {
  if (!up || name === "lo" || FLANNEL_DEVICES.isOurs(name)) return false;
  return tunnel === undefined && !TUNNELS.test(kind ?? "");
}

/** A link with carrier first, then the older link; on one link the wider subnet first. */
function compareCandidates(a: Address, b: Address, links: ReadonlyMap<string, Link>): number {
  const [first, second] = [links.get(a.device), links.get(b.device)];
  return (
    Number(second?.running) - Number(first?.running) ||
    (first?.ifindex ?? 0) - (second?.ifindex ?? 0) ||
    a.prefixLength - b.prefixLength ||
    compareText(a.ip.toString(), b.ip.toString())
  );
}

function fixedAddress({ address, length }: WishedAddress, facts: AddressFacts): ChosenAddress {
  const holder = [...facts.addresses].find(
    ({ ip, device }) => ip.equals(address) && !FLANNEL_DEVICES.isOurs(device),
  );
  return {
    address,
    length: length ?? holder?.prefixLength ?? addressBits(address.family),
    device: holder?.device,
    how: "--node-address",
  };
}

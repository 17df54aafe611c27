/** One node's Overlay in a test: its underlay, its changes, and what it wants. */
import { parseAddressWithLength, parseCidr } from "../../../encap/address/cidr.ts";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { KERNEL_CARRIES } from "../../../tunnels/desired/carrier.ts";
import type { OverlayChanges } from "../../../tunnels/desired/kernel-wish.ts";
import { Overlay } from "../../../tunnels/desired/overlay.ts";
import type { OverlayOptions } from "../../../tunnels/desired/overlay-options.ts";
import { findUnderlay } from "../../../tunnels/desired/underlay.ts";
import type { Address, Link, UnderlayRoute } from "../../../tunnels/kernel/kernel-state.ts";
import { PathTable } from "../../../tunnels/kernel/path-table.ts";
import { changes } from "./notation.ts";
import { printState } from "./printed-state.ts";

export interface UnderlayFacts {
  /** "eth0 192.0.2.1/24", one line for each address. */
  readonly links: readonly string[];
  readonly mtu?: number;
  /** "203.0.113.0/24 via 192.0.2.254 dev eth0 [metric 100]", "192.0.2.0/24 dev eth0". */
  readonly routes?: readonly string[];
  /** Tunnel devices that are in the kernel. */
  readonly tunnels?: readonly Link[];
  /** "net.ipv4.conf.all.rp_filter" -> "1". */
  readonly sysctls?: Readonly<Record<string, string>>;
}

export const ETH0: UnderlayFacts = {
  links: ["eth0 192.0.2.1/24", "eth0 fd00::c000:201/120"],
};

export class NodeView {
  readonly overlay: Overlay;
  readonly paths: PathTable = new PathTable();
  facts: UnderlayFacts;

  constructor(options: Partial<OverlayOptions> = {}, facts: UnderlayFacts = ETH0) {
    this.facts = facts;
    this.overlay = new Overlay({
      node: "alder",
      paths: this.paths,
      nexthopObjects: true,
      carriers: KERNEL_CARRIES,
      ipv6: true,
      ...options,
    });
  }

  change(lines: readonly string[]): this {
    this.overlay.change(changes(lines));
    return this;
  }

  calculate(): OverlayChanges {
    this.readUnderlay();
    return toEnd(this.overlay.calculate());
  }

  /** As after a pass that wrote everything: what is no longer wanted leaves the forwarding plan. */
  retire(): void {
    toEnd(this.overlay.retireForwarding());
  }

  /** All lines of the wanted state, or those that begin with one of these words. */
  wants(...kinds: string[]): string[] {
    this.calculate();
    return this.printed().filter((line) => {
      return kinds.length === 0 || kinds.some((kind) => line.startsWith(`${kind} `));
    });
  }

  printed(): string[] {
    return printState(this.overlay.desired, this.paths);
  }

  /** "error node birch: it has no record …", in the order given. */
  problems(): string[] {
    return this.overlay
      .problems()
      .map(({ severity, subject, reason }) => `${severity} ${subject}: ${reason}`);
  }

  /** "tunnel address 10.0.1.1: birch before cedar". */
  conflicts(): string[] {
    return this.overlay
      .conflicts()
      .map(({ kind, value, winner, losers }) => `${kind} ${value}: ${winner} before ${losers}`);
  }

  readUnderlay(): void {
    const links = new Map<string, Link>();
    const addresses = new Map<string, Address>();
    for (const line of this.facts.links) {
      const [name = "", text = ""] = line.split(" ");
      const { address, length = 0 } = parseAddressWithLength(text);
      links.set(name, plainLink(name, links.size + 1, this.facts.mtu ?? 1500));
      addresses.set(line, { device: name, ip: address, prefixLength: length, scope: "global" });
    }
    for (const link of this.facts.tunnels ?? []) links.set(link.name, link);
    const routes = (this.facts.routes ?? []).map(underlayRoute);
    const sysctls = new Map(
      Object.entries(this.facts.sysctls ?? {}).map(([name, value]) => [name, { name, value }]),
    );
    const { localNode } = this.overlay;
    this.overlay.setUnderlay(findUnderlay(links, addresses, localNode, routes, sysctls));
  }
}

function toEnd<T>(walk: Generator<void, T>): T {
  for (;;) {
    const step = walk.next();
    if (step.done) return step.value;
  }
}

export function plainLink(name: string, ifindex: number, mtu: number): Link {
  return {
    name,
    ifindex,
    up: true,
    running: true,
    mtu,
    mac: undefined,
    kind: undefined,
    tunnel: undefined,
  };
}

function underlayRoute(line: string): UnderlayRoute {
  const words = line.split(" ");
  const after = (word: string): string | undefined => words[words.indexOf(word) + 1];
  return {
    destination: parseCidr(words[0] ?? ""),
    gateway: words.includes("via") ? parseIp(after("via") ?? "") : undefined,
    device: after("dev") ?? "",
    metric: words.includes("metric") ? Number(after("metric")) : 0,
  };
}

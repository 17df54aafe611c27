/**
 * Keeps this node in a flannel network: a pass at the start, when the lease is lost or has to be
 * renewed, when the node's links change, after a failure, and at long intervals. Where it fails,
 * forwarding goes on and `status` says so.
 */
import type { Cidr } from "../../../encap/address/cidr.ts";
import type { Family, IpAddress } from "../../../encap/address/ip-address.ts";
import type { Problem } from "../../../tunnels/desired/problem.ts";
import type { AddressWish } from "../../../tunnels/ipam/node-address.ts";
import type { Kernel } from "../../../tunnels/kernel/kernel.ts";
import { backoffDelay } from "../../../tunnels/reconcile/backoff.ts";
import type { FlannelNetwork } from "../../datastore/flannel/network.ts";
import type { OwnLease } from "../../datastore/flannel/own-lease.ts";
import { CausewayError, reasonOf } from "../../errors.ts";
import type { Logger } from "../../observe/log.ts";
import { Wakeup } from "../../turns.ts";
import { AddressFinder, type LinkState } from "../address-finder.ts";
import type { Decision } from "../decision.ts";
import type { KeptNode, NodeKeeper } from "../node-keeper.ts";
import type { NodeAddresses } from "../register-node.ts";
import type { JoinWay, Membership } from "./join-way.ts";

export interface JoinerParts {
  readonly way: JoinWay;
  readonly own: OwnLease;
  readonly wish: AddressWish;
  readonly kernel: Pick<Kernel, "readUnderlayRoutes">;
  readonly log: Logger;
  /** The subnet that this node had before, as far as is known. */
  readonly previous: () => Cidr | undefined;
}

/** Milliseconds between two passes without any reason, with up to a fifth of jitter. */
const INTERVAL = 300_000;
const RETRY = { first: 500, limit: 60_000 };

export class FlannelJoiner implements NodeKeeper {
  readonly decision: Decision = { on: true, why: "as every node of a flannel network does" };
  network: FlannelNetwork | undefined;
  membership: Membership | undefined;
  readonly #parts: JoinerParts;
  readonly #wakeup = new Wakeup();
  #addresses: NodeAddresses = {};
  #finder: AddressFinder | undefined;
  #wish: AddressWish;
  #seen = "";
  #isDue = true;
  #nextPass = 0;
  #failures = 0;
  #failure: Problem | undefined;

  constructor(parts: JoinerParts) {
    this.#parts = parts;
    this.#wish = parts.wish;
    parts.own.isKept = true;
    parts.own.onLost = () => {
      parts.log.warn("this node's lease is gone; taking it again");
      this.#due();
    };
  }

  get isSettled(): boolean {
    return this.membership !== undefined || this.#failures > 0;
  }

  get registered(): KeptNode | undefined {
    const blocks = this.membership?.subnets.map((subnet) => ({ cidr: String(subnet) }));
    return blocks && { addresses: this.#addresses, blocks, podBlocks: [] };
  }

  problems(): readonly Problem[] {
    return this.#failure === undefined ? [] : [this.#failure];
  }

  saw(state: LinkState): void {
    const lines = [...state.addresses.values()].map(({ device, ip, prefixLength }) => {
      const link = state.links.get(device);
      return `${device} ${ip}/${prefixLength} ${link?.up} ${link?.running}`;
    });
    const seen = lines.sort().join("\n");
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#finder ??= new AddressFinder(this.#parts.kernel, state, this.#wish);
    this.#due();
  }

  /** The own lease says by itself when it is lost. */
  took(): void {}

  reconfigure(wish: AddressWish): void {
    this.#wish = wish;
    if (this.#finder !== undefined) this.#finder.wish = wish;
    this.#due();
  }

  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    signal.addEventListener("abort", () => this.#wakeup.set());
    while (!signal.aborted) {
      const isBlind = this.#finder === undefined;
      await this.#wakeup.wait(isBlind ? INTERVAL : Math.max(0, this.#nextPass - Date.now()));
      const finder = this.#finder;
      // A failure is waited off, whatever wakes us.
      const isTime = Date.now() >= this.#nextPass || (this.#isDue && this.#failures === 0);
      if (signal.aborted || finder === undefined || !isTime) continue;
      this.#isDue = false;
      try {
        await this.#pass(finder);
        this.#failures = 0;
        this.#failure = undefined;
      } catch (error) {
        if (!signal.aborted) this.#failed(error);
      }
      this.#schedule();
      onChange();
    }
  }

  async #pass(finder: AddressFinder): Promise<void> {
    const { way, own, log, previous } = this.#parts;
    const network = await way.network();
    const found = await this.#findAddresses(network, finder);
    const addresses: { [F in Family]?: IpAddress } = {};
    for (const family of way.families) {
      const address = found[family]?.address;
      if (address !== undefined) addresses[family] = address;
    }
    const published = addresses[4] ?? addresses[6];
    if (published !== undefined) own.publish(published);
    const membership = await way.join({
      network,
      addresses,
      previous: this.membership?.subnets.find(({ family }) => family === 4) ?? previous(),
    });
    const before = summaryOf(this.membership);
    this.network = network;
    this.membership = membership;
    this.#addresses = found;
    const after = summaryOf(membership);
    if (before !== after) log.info({ lease: after }, "joined the flannel network");
  }

  async #findAddresses(network: FlannelNetwork, finder: AddressFinder): Promise<NodeAddresses> {
    const ranges = Object.values(network.ranges).map((range) => range.network);
    const found: NodeAddresses = {};
    for (const family of this.#parts.way.families) {
      if (network.ranges[family] === undefined) continue;
      const current = this.membership?.ends[family]?.publicIp;
      const address = await finder.find(family, ranges, current);
      if (address.address === undefined) {
        const what = `no IPv${family} address to join with: ${address.reason}`;
        const hint =
          "name one with --node-address, --node-interface, --node-reaches or --node-cidr";
        throw new CausewayError("bad-config", what, { hint });
      }
      found[family] = address;
    }
    return found;
  }

  #failed(error: unknown): void {
    const { log, own } = this.#parts;
    this.#failures++;
    const { endsAt } = this.membership ?? {};
    const end = endsAt === undefined ? "" : `; its lease ends at ${new Date(endsAt).toISOString()}`;
    const reason = `not in the flannel network as it should be: ${reasonOf(error)}${end}`;
    if (this.#failure?.reason !== reason) log.warn({ reason }, "joining failed; trying again");
    const hint = error instanceof CausewayError ? error.hint : undefined;
    const again = "it is tried again by itself, and forwarding goes on";
    const subject = `node ${own.node}`;
    this.#failure = { subject, reason, hint: hint ?? again, severity: "error" };
  }

  #schedule(): void {
    if (this.#failures > 0) {
      this.#nextPass = Date.now() + backoffDelay(this.#failures, RETRY, Math.random());
      return;
    }
    const usual = Date.now() + INTERVAL * (1 + Math.random() / 5);
    this.#nextPass = Math.min(usual, this.membership?.renewAt ?? Number.POSITIVE_INFINITY);
  }

  #due(): void {
    this.#isDue = true;
    this.#wakeup.set();
  }
}

function summaryOf(membership: Membership | undefined): string {
  if (membership === undefined) return "";
  const { subnets, ends } = membership;
  const known = Object.values(ends).map(({ publicIp, mac }) => `${publicIp} ${mac}`);
  return [...subnets, ...known].join(" ");
}

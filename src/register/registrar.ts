/**
 * Keeps this node registered while the agent runs: a pass at the start, when something changed that
 * matters to it, after a failure, and at long intervals. It works beside the agent's own loop, which
 * sees what was written here as it sees every other change of the datastore.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { Problem } from "../../tunnels/desired/problem.ts";
import type { AddressWish } from "../../tunnels/ipam/node-address.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { Node } from "../../tunnels/model/node.ts";
import type { ResourceChange } from "../../tunnels/model/snapshot.ts";
import { backoffDelay } from "../../tunnels/reconcile/backoff.ts";
import type { ChangeBatch } from "../datastore/datastore.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { reasonOf } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import { Wakeup } from "../turns.ts";
import { AddressFinder, type LinkState } from "./address-finder.ts";
import { type Decision, decideRegistering } from "./decision.ts";
import { blockName } from "./ipam-records.ts";
import type { NodeKeeper } from "./node-keeper.ts";
import { type Registered, registerNode } from "./register-node.ts";

export interface RegistrarParts {
  readonly store: RecordStore;
  readonly node: string;
  /** Which machine this is, for example a digest of /etc/machine-id. */
  readonly machine: string;
  /** What the operator says; undefined to decide from what is found. */
  readonly asked: boolean | undefined;
  readonly wish: AddressWish;
  readonly kernel: Pick<Kernel, "readUnderlayRoutes">;
  readonly log: Logger;
  /** Called after each pass that found or made something new. */
  readonly onRegistered?: (registered: Registered) => void;
}

/** Milliseconds between two looks at the node's own address: routes of others come without a word. */
const LOOK = 30_000;
/** While there is none: the default route may follow its address by a moment. */
const ANXIOUS_LOOK = 1_000;
/** Milliseconds between two passes without any reason, with up to a fifth of jitter. */
const INTERVAL = 300_000;
/** As long as something is wanting. */
const IMPATIENT_INTERVAL = 60_000;
const RETRY = { first: 500, limit: 60_000 };

export class Registrar implements NodeKeeper {
  /** Undefined until it is known. */
  decision: Decision | undefined;
  /** What the last pass came to. */
  registered: Registered | undefined;
  readonly #parts: RegistrarParts;
  readonly #wakeup = new Wakeup();
  #finder: AddressFinder | undefined;
  #wish: AddressWish;
  #seen = "";
  #hasList = false;
  readonly #others = new Map<string, Node>();
  /** The datastore has lost data: what is written into the gap would replace what is kept of it. */
  #hasLost = false;
  readonly #sight = { hasBlocks: false, hasPodCidrs: false };
  #isDue = true;
  #nextPass = 0;
  #failures = 0;
  #failure: Problem | undefined;

  constructor(parts: RegistrarParts) {
    this.#parts = parts;
    this.#wish = parts.wish;
  }

  /** True once the first pass came to an end, or there is none to wait for. */
  get isSettled(): boolean {
    return this.decision?.on === false || this.registered !== undefined || this.#failures > 0;
  }

  problems(): readonly Problem[] {
    const found = this.registered?.problems ?? [];
    return this.#failure === undefined ? found : [this.#failure, ...found];
  }

  /** Told of the links and addresses; cheap where nothing changed. @param state kept up to date */
  saw(state: LinkState): void {
    const { links, addresses } = state;
    const lines = [...addresses.values()].map(({ device, ip, prefixLength }) => {
      const link = links.get(device);
      return `${device} ${ip}/${prefixLength} ${link?.up} ${link?.running}`;
    });
    const seen = lines.sort().join("\n");
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#finder ??= new AddressFinder(this.#parts.kernel, state, this.#wish);
    this.#due();
  }

  /** Told of what changed in the datastore. */
  took({ changes, inSync, lost = 0 }: Pick<ChangeBatch, "changes" | "inSync" | "lost">): void {
    if (this.#hasLost && lost === 0) this.#due();
    this.#hasLost = lost > 0;
    this.#look(changes, inSync);
    if (changes.some((change) => this.#concerns(change))) this.#due();
  }

  /** What a decision goes by, and who is where. */
  #look(changes: readonly ResourceChange[], inSync: boolean): void {
    for (const { kind, name, resource } of changes) {
      if (resource?.kind === "IPAMBlock") this.#sight.hasBlocks = true;
      if (kind === "Node") this.#others.delete(name);
      if (resource?.kind !== "Node") continue;
      if (resource.podCidrs.length > 0) this.#sight.hasPodCidrs = true;
      if (name !== this.#parts.node) this.#others.set(name, resource);
    }
    if (inSync && !this.#hasList) {
      this.#hasList = true;
      this.#due();
    }
  }

  /** Takes in what the operator wants now. */
  reconfigure(wish: AddressWish): void {
    this.#wish = wish;
    if (this.#finder !== undefined) this.#finder.wish = wish;
    this.#due();
  }

  /** Works until `signal` is aborted. @param onChange called when there is something new to say */
  async run(signal: AbortSignal, onChange: () => void): Promise<void> {
    signal.addEventListener("abort", () => this.#wakeup.set());
    while (!signal.aborted) {
      await this.#wakeup.wait(this.#untilNext());
      if (signal.aborted || !(await this.#isTimeForPass())) continue;
      this.#isDue = false;
      try {
        await this.#pass();
        this.#failures = 0;
        this.#failure = undefined;
        if (this.registered?.isNameTaken) this.#isDue = false;
      } catch (error) {
        this.#failed(error);
      }
      this.#schedule();
      onChange();
      if (this.decision?.on === false) return;
    }
  }

  #untilNext(): number {
    const look = this.registered?.lacking.length ? ANXIOUS_LOOK : LOOK;
    return Math.min(look, Math.max(0, this.#nextPass - performance.now()));
  }

  async #isTimeForPass(): Promise<boolean> {
    const finder = this.#finder;
    // Without the others' records nobody knows which of them was this node's own.
    if (finder === undefined || !this.#hasList || this.#hasLost) return false;
    const now = performance.now();
    // A failure is waited off, whatever wakes us.
    if (this.#failures > 0) return now >= this.#nextPass;
    return this.#isDue || now >= this.#nextPass || (await this.#hasMoved(finder));
  }

  /** Whether another address would be found now than the last pass found. */
  async #hasMoved(finder: AddressFinder): Promise<boolean> {
    const { addresses = {}, lacking = [] } = this.registered ?? {};
    const found = Object.values(addresses).map(({ address }) => address);
    for (const family of lacking) {
      if ((await finder.find(family, [], undefined)).address !== undefined) return true;
    }
    for (const address of found) {
      const now = await finder.find(address.family, [], address);
      if (now.address !== undefined && !now.address.equals(address)) return true;
    }
    return false;
  }

  async #pass(): Promise<void> {
    const { store, node, machine, asked, log, onRegistered } = this.#parts;
    if (this.decision === undefined) {
      this.decision = await decideRegistering(asked, store, node, this.#sight);
      const { on, why } = this.decision;
      log.info({ node, why }, on ? "this agent registers its node" : "not registering this node");
    }
    if (!this.decision.on) return;
    const finder = this.#finder as AddressFinder;
    const registered = await registerNode({
      store,
      node,
      machine,
      findAddress: (family, pools, current) => finder.find(family, pools, current),
      claimants: (addresses) => this.#claimants(addresses),
    });
    const before = summaryOf(this.registered);
    this.registered = registered;
    const after = summaryOf(registered);
    if (JSON.stringify(before) !== JSON.stringify(after)) log.info(after, "registered");
    onRegistered?.(registered);
  }

  #claimants(own: readonly IpAddress[]): string[] {
    const found = [...this.#others.values()].filter(({ ipv4, ipv6 }) =>
      own.some((ip) => ipv4?.address.equals(ip) || ipv6?.address.equals(ip)),
    );
    return found.map(({ name }) => name);
  }

  #failed(error: unknown): void {
    const { log, node } = this.#parts;
    const reason = reasonOf(error);
    this.#failures++;
    if (this.#failure?.reason !== reason) log.warn({ reason }, "registering failed; trying again");
    const hint = "it is tried again by itself; what is registered already stays";
    this.#failure = {
      subject: `node ${node}`,
      reason: `not registered: ${reason}`,
      hint,
      severity: "error",
    };
  }

  #schedule(): void {
    const wait =
      this.#failures > 0
        ? backoffDelay(this.#failures, RETRY, Math.random())
        : (this.problems().length > 0 ? IMPATIENT_INTERVAL : INTERVAL) * (1 + Math.random() / 5);
    this.#nextPass = performance.now() + wait;
  }

  #due(): void {
    this.#isDue = true;
    this.#wakeup.set();
  }

  #concerns({ kind, name, resource }: ResourceChange): boolean {
    const { node } = this.#parts;
    switch (kind) {
      case "IPPool":
        return true;
      case "Node":
        // What was heard of it is our own question, and the other machine's answer.
        return name === node && !this.registered?.isNameTaken;
      case "IPAMBlock": {
        const { blocks = [], full } = this.registered ?? {};
        if (resource === undefined && full !== undefined && full.size > 0) return true;
        if (resource?.kind === "IPAMBlock" && resource.node === node) return true;
        return blocks.some(({ cidr }) => blockName(cidr) === name);
      }
      case "FelixConfiguration":
        return false;
    }
  }
}

function summaryOf(registered: Registered | undefined): Record<string, unknown> {
  if (registered === undefined) return {};
  const { addresses, blocks } = registered;
  const found = Object.values(addresses);
  return {
    addresses: found.map(({ address, length, how }) => `${address}/${length}, by ${how}`),
    blocks: blocks.map(({ cidr }) => cidr),
  };
}

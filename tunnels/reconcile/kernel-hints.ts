/**
 * Events of the kernel as hints: what has to be read again because of them, and which routes to look
 * at. Events only say where to look; they may repeat, and are lost in an overrun.
 */
import type { KernelChange } from "../kernel/kernel.ts";
import type { KernelState } from "../kernel/kernel-state.ts";
import { type DeviceNames, isOurNexthop } from "../kernel/ownership.ts";
import type { PathTable } from "../kernel/path-table.ts";
import { CAUSE, type Dirty } from "./dirty.ts";
import { ALL_SCOPES, type ReadScope } from "./read-back.ts";

export interface HintInputs {
  readonly desired: KernelState;
  readonly actual: KernelState;
  readonly paths: PathTable;
  readonly dirty: Dirty;
  readonly devices: DeviceNames;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export class KernelHints {
  /** Parents of our devices: what happens to them matters to us. */
  parents: ReadonlySet<string> = new Set();
  readonly #inputs: HintInputs;
  /** Scopes to read again -> when the first hint came. */
  readonly #scopes = new Map<ReadScope, number>();
  /** Route events that came while routes were being read or written. */
  #deferred: KernelChange[] = [];
  #isBusy = false;
  /** When the first hint of drift came that is not mended yet. */
  #driftSince: number | undefined;

  constructor(inputs: HintInputs) {
    this.#inputs = inputs;
  }

  /** True if nothing has to be read again. */
  get isEmpty(): boolean {
    return this.#scopes.size === 0 && this.#deferred.length === 0;
  }

  ask(...scopes: readonly ReadScope[]): void {
    for (const scope of scopes) {
      if (!this.#scopes.has(scope)) this.#scopes.set(scope, this.#inputs.now());
    }
  }

  /** The scopes to read again, in their order, each crossed off as it is handed out. */
  *takeScopes(): Generator<ReadScope> {
    this.#isBusy = true;
    try {
      for (const scope of ALL_SCOPES) {
        const since = this.#scopes.get(scope);
        if (since === undefined) continue;
        this.#scopes.delete(scope);
        if (this.#driftSince === undefined || since < this.#driftSince) this.#driftSince = since;
        yield scope;
      }
    } finally {
      this.#isBusy = false;
    }
    for (const change of this.#takeDeferred()) this.observe(change);
  }

  /** From here on writes are under way, until `endPass`. */
  beginPass(): void {
    this.#isBusy = true;
  }

  /**
   * The marks of `pass` are worked off. A route event that came meanwhile may tell of the time before
   * our own write to the same destination or after it: then only reading tells what is there now.
   */
  endPass(pass: Dirty): void {
    this.#isBusy = false;
    for (const change of this.#takeDeferred()) {
      if (change.kind === "route" && pass.hasRoute(change.destination)) {
        this.ask(change.destination.family === 4 ? "routes4" : "routes6");
      } else this.observe(change);
    }
  }

  #takeDeferred(): KernelChange[] {
    const deferred = this.#deferred;
    this.#deferred = [];
    return deferred;
  }

  /** When the drift that is mended now was first heard of; asked once. */
  takeDriftSince(): number {
    const since = this.#driftSince ?? this.#inputs.now();
    this.#driftSince = undefined;
    return since;
  }

  observe(change: KernelChange): void {
    switch (change.kind) {
      case "overrun":
        this.ask(...ALL_SCOPES);
        return;
      case "link":
        this.#observeLink(change);
        return;
      case "address":
        // The node address may have come to a device that was none of our business until now.
        this.ask("link", "address");
        // The last address of a device takes its IPv4 routes along, without a word.
        if (change.deleted && this.#concernsUs(change.device)) this.ask("routes4");
        return;
      case "neighbour":
      case "fdb":
        if (this.#inputs.devices.isOurs(change.device)) this.ask(change.kind);
        return;
      case "nexthop":
        if (this.#knowsNexthop(change.id)) this.ask("nexthop", "routes4", "routes6");
        else if (change.owned) this.ask("nexthop");
        return;
      case "route":
        if (this.#isBusy) this.#deferred.push(change);
        else this.#observeRoute(change);
    }
  }

  /**
   * IPv4 routes vanish without a word when a link goes down or away: then all is read again. Nothing
   * was lost on a device that is new, though the kernel tells of it while it is not up yet.
   */
  #observeLink({ device, ifindex, up, deleted }: KernelChange & { kind: "link" }): void {
    if (!this.#concernsUs(device)) return;
    const known = this.#inputs.actual.links.get(device);
    const isNew = known === undefined || known.ifindex === 0;
    const isAsBefore = isNew || (up && known.up && known.ifindex === ifindex);
    if (deleted || !isAsBefore) this.ask(...ALL_SCOPES);
    else this.ask("link", "address");
  }

  #observeRoute({ destination, path, owned, deleted }: KernelChange & { kind: "route" }): void {
    const { desired, actual, dirty, now } = this.#inputs;
    const { family } = destination;
    const want = desired.routes[family].get(destination);
    const table = actual.routes[family];
    if (!owned && want < 0) return;
    const have = table.get(destination);
    if (!owned || (!deleted && have >= 0 && have !== path)) {
      // Replaced or stands beside: the event does not say which.
      this.ask(family === 4 ? "routes4" : "routes6");
      return;
    }
    if (!deleted) table.setCidr(destination, path);
    else if (have === path) table.delete(destination);
    if (table.get(destination) === want) return;
    this.#driftSince ??= now();
    dirty.markRoute(destination, CAUSE.drift);
  }

  #concernsUs(device: string): boolean {
    const { parents } = this;
    if (this.#inputs.devices.isOurs(device) || parents.has(device)) return true;
    return parents.size === 0 || this.#isUsed(device);
  }

  /** True if objects of ours lead over the device: it may have been a parent until just now. */
  #isUsed(device: string): boolean {
    const { actual, paths } = this.#inputs;
    for (const nexthop of actual.nexthops.values()) {
      if (nexthop.device === device && isOurNexthop(nexthop)) return true;
    }
    for (let id = 0; id < paths.size; id++) if (paths.get(id).device === device) return true;
    return false;
  }

  #knowsNexthop(id: number): boolean {
    const { actual, desired } = this.#inputs;
    return actual.nexthops.has(id) || desired.nexthops.has(id);
  }
}

/**
 * The agent of one node. Its main path, once round:
 *
 *   datastore -> overlay (what we want) -> reconciler (what differs) -> kernel
 *
 * Everything that happens wakes the loop: a batch of the datastore, an event of the kernel, a
 * retry that is due, the time for a full read-back. A turn takes all of it in at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { type Carriers, chooseCarriers, type TunnelEncap } from "../tunnels/desired/carrier.ts";
import { Overlay } from "../tunnels/desired/overlay.ts";
import type { Problem } from "../tunnels/desired/problem.ts";
import { reversePathSysctls } from "../tunnels/desired/reverse-path.ts";
import { findUnderlay, type Underlay } from "../tunnels/desired/underlay.ts";
import type { Kernel } from "../tunnels/kernel/kernel.ts";
import type { Sysctl, UnderlayRoute } from "../tunnels/kernel/kernel-state.ts";
import { type DeviceNames, TUN_DEVICE } from "../tunnels/kernel/ownership.ts";
import { Reconciler } from "../tunnels/reconcile/reconciler.ts";
import type { PodNetwork } from "./cni/pod-network.ts";
import type { Config } from "./config/settings.ts";
import type { ChangeBatch, Datastore } from "./datastore/datastore.ts";
import { reasonOf } from "./errors.ts";
import { Forwarding } from "./forwarding.ts";
import { markWanted } from "./mark-wanted.ts";
import { networkStyle } from "./network-style.ts";
import { AgentLog } from "./observe/agent-log.ts";
import type { Logger } from "./observe/log.ts";
import { Stopwatch } from "./observe/stopwatch.ts";
import type { NodeKeeper } from "./register/node-keeper.ts";
import { inTurns, Wakeup } from "./turns.ts";
import type { DataPath } from "./userspace/data-path.ts";

/** How long to wait before a turn that failed as a whole is tried again, in milliseconds. */
const TURN_RETRY = 1_000;

export interface AgentParts {
  readonly config: Config;
  readonly kernel: Kernel;
  readonly datastore: Datastore;
  readonly log: Logger;
  /** Why userspace cannot carry an encapsulation here; empty if it can. */
  readonly userspace: Readonly<Record<TunnelEncap, string>>;
  /** Absent where nothing is really done. */
  readonly dataPath?: DataPath;
  /** Keeps this node registered, beside the loop; absent where others do. */
  readonly registrar?: NodeKeeper | undefined;
  /** Keeps what pods are connected by; absent where the node is not ours to register. */
  readonly podNetwork?: Pick<PodNetwork, "keep" | "problems"> | undefined;
  /** Called when all work is done for the first time, and for the first time after `reconfigure`. */
  readonly onReady?: () => void;
}

export class Agent {
  readonly overlay: Overlay;
  readonly reconciler: Reconciler;
  readonly log: AgentLog;
  readonly carriers: Carriers;
  readonly devices: DeviceNames;
  /** Undefined where nothing is really done. */
  readonly forwarding: Forwarding | undefined;
  readonly stopwatch: Stopwatch;
  /** The last batch of the datastore; its faults and condition are those of now. */
  datastoreState: ChangeBatch | undefined;

  readonly #parts: AgentParts;
  readonly #wakeup = new Wakeup();
  #batches: ChangeBatch[] = [];
  /** Undefined while nobody needs them. */
  #underlayRoutes: readonly UnderlayRoute[] | undefined;
  #reversePath: ReadonlyMap<string, Sysctl> = new Map();
  #nextReadBack = Number.POSITIVE_INFINITY;
  #isReadyTold = false;
  #takeOver: boolean;
  #hadRecord = false;
  #isTurning = false;

  constructor(parts: AgentParts) {
    const { config, kernel } = parts;
    this.#parts = parts;
    this.#takeOver = config.takeOver;
    this.log = new AgentLog(parts.log);
    this.stopwatch = new Stopwatch(config.measureLoop);
    this.carriers = chooseCarriers(config.dataplane, kernel.features, parts.userspace);
    const style = networkStyle(config);
    this.devices = style.devices;
    this.overlay = new Overlay({
      node: config.node,
      paths: kernel.paths,
      nexthopObjects: kernel.features.nexthopObjects,
      carriers: this.carriers,
      ipv6: kernel.features.ipv6,
      ...style,
    });
    this.overlay.setSettings(config.overlay, config.overlaySources);
    const { dataPath } = parts;
    this.forwarding =
      dataPath &&
      new Forwarding({
        overlay: this.overlay,
        dataPath,
        log: parts.log,
        onDue: () => this.#wakeup.set(),
      });
    this.reconciler = new Reconciler({
      kernel,
      desired: this.overlay.desired,
      devices: this.devices,
      forwarding: this.forwarding,
      now: () => performance.now(),
      wallClock: () => Date.now(),
      random: Math.random,
      takesOver: () => this.#takeOver,
      onOps: (ops, failures) => this.log.applied(ops, failures),
      onTakeOver: (foreign, ours) => this.log.tookOver(foreign, ours),
      onRepair: (repair) => this.log.repaired(repair),
      onFight: (op, found) => this.log.fought(op, found),
    });
  }

  /** Works until `signal` is aborted; the overlay stays in place then. */
  async run(signal: AbortSignal): Promise<void> {
    const { kernel } = this.#parts;
    signal.addEventListener("abort", () => this.#wakeup.set());
    await kernel.watch((change) => {
      if (this.reconciler.observe(change)) this.#wakeup.set();
    });
    this.reconciler.readAgain();
    // The kernel and the datastore are read at once: the first is another thread's work.
    const following = this.#follow(signal);
    const registering = this.registrar?.run(signal, () => this.#wakeup.set());
    await this.reconciler.read();
    this.overlay.adoptNexthops(this.reconciler.actual.nexthops);
    if (this.reconciler.actual.links.has(TUN_DEVICE) && this.#usesUserspace) {
      await this.forwarding?.attach();
    }
    while (!signal.aborted) {
      await this.#wakeup.wait(this.#untilNext());
      if (!signal.aborted) await this.#turns(signal);
    }
    await Promise.all([following, registering]);
    await this.forwarding?.stop();
  }

  /** Takes in what of a configuration can change while the agent runs, and looks at everything again. */
  reconfigure(config: Config): void {
    this.#takeOver = config.takeOver;
    this.overlay.setSettings(config.overlay, config.overlaySources);
    this.registrar?.reconfigure(config.nodeAddress);
    this.#isReadyTold = false;
    this.resync(false);
  }

  get #usesUserspace(): boolean {
    return Object.values(this.carriers).some(({ by }) => by === "userspace");
  }

  get registrar(): NodeKeeper | undefined {
    return this.#parts.registrar;
  }

  /** What is wanted and cannot be had, by registering, the data path and the calculation. */
  problems(): Problem[] {
    const parts = [this.registrar, this.#parts.podNetwork, this.forwarding, this.overlay];
    return parts.flatMap((part) => part?.problems() ?? []);
  }

  /** An operator's wish to look at everything again now. */
  resync(acceptEmpty: boolean): void {
    this.#parts.datastore.resync({ acceptEmpty });
    this.reconciler.readAgain();
    this.#wakeup.set();
  }

  /** True once the datastore's first full list has been taken in. */
  get hasList(): boolean {
    return this.datastoreState?.inSync === true;
  }

  /** True if there is nothing to do but to wait. */
  get isIdle(): boolean {
    return !this.#isTurning && this.#isSettled;
  }

  /** As `isIdle`, asked from within a turn. */
  get #isSettled(): boolean {
    return this.hasList && this.#batches.length === 0 && this.reconciler.isIdle;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const batch of this.#parts.datastore.watch(signal)) {
          this.#batches.push(batch);
          this.#wakeup.set();
        }
        return;
      } catch (error) {
        this.#parts.log.error({ reason: reasonOf(error) }, "the datastore gave up; trying again");
        await sleep(TURN_RETRY);
      }
    }
  }

  /** Turns until nothing is left to do. */
  async #turns(signal: AbortSignal): Promise<void> {
    if (performance.now() >= this.#nextReadBack) {
      this.#nextReadBack = Number.POSITIVE_INFINITY;
      this.reconciler.readAgain();
    }
    this.#isTurning = true;
    try {
      do await this.#turn();
      while (this.hasList && !this.#isSettled && !signal.aborted);
    } catch (error) {
      this.#parts.log.error({ reason: reasonOf(error) }, "a turn failed; trying again");
      this.reconciler.readAgain();
      setTimeout(() => this.#wakeup.set(), TURN_RETRY).unref();
    }
    this.#isTurning = false;
    this.#scheduleReadBack();
    const { podNetwork } = this.#parts;
    podNetwork?.keep(this.registrar?.registered, this.overlay.tunnels, this.reconciler);
    if (this.isIdle && !this.#isReadyTold && this.registrar?.isSettled !== false) {
      this.#isReadyTold = true;
      this.stopwatch.isInSync();
      this.#parts.onReady?.();
    }
  }

  async #turn(): Promise<void> {
    const { overlay, reconciler, stopwatch } = this;
    const batches = this.#batches.splice(0);
    for (const batch of batches) this.#take(batch);
    const hasRead = await reconciler.read();
    this.registrar?.saw(reconciler.actual);
    if (!this.hasList) return;
    overlay.setUnderlay(await this.#underlay(hasRead));
    const changes = await inTurns(overlay.calculate());
    stopwatch.isCalculated();
    markWanted(reconciler.dirty, changes, overlay.desired);
    // A node that never had a record is more likely one that was given a wrong name.
    this.#hadRecord ||= overlay.localNode !== undefined;
    reconciler.mayRemove = this.datastoreState?.complete === true && this.#hadRecord;
    await reconciler.apply();
    stopwatch.isApplied(batches.findLast(({ changes }) => changes.length > 0)?.readAt);
    this.log.found(this.problems(), overlay.conflicts());
  }

  #take(batch: ChangeBatch): void {
    this.overlay.change(batch.changes);
    this.registrar?.took(batch);
    this.log.took(batch, this.datastoreState);
    this.datastoreState = batch;
    if (batch.inSync) this.stopwatch.isRead(batch.readAt);
  }

  /** Facts about the links that carry our packets. */
  async #underlay(isFresh: boolean): Promise<Underlay> {
    const { actual } = this.reconciler;
    const node = this.overlay.localNode;
    const served = Object.values(this.overlay.tunnels);
    const { links, addresses } = actual;
    const underlay = findUnderlay(links, addresses, node, [], new Map(), served, this.devices);
    const parents = new Set([underlay[4], underlay[6]].flatMap(({ device }) => device ?? []));
    const { parents: old } = this.reconciler;
    const hasMoved = parents.size !== old.size || [...parents].some((one) => !old.has(one));
    this.reconciler.parents = parents;
    if (!this.overlay.needsUnderlayRoutes) this.#underlayRoutes = undefined;
    else if (isFresh || hasMoved || this.#underlayRoutes === undefined) {
      const { kernel } = this.#parts;
      const reads = [...parents].flatMap((parent) => [
        kernel.readUnderlayRoutes(4, parent),
        kernel.readUnderlayRoutes(6, parent),
      ]);
      this.#underlayRoutes = (await Promise.all(reads)).flat();
    }
    if (isFresh || hasMoved) {
      const tunnels = underlay.tunnels.map(({ name }) => name).filter(this.devices.isOurs);
      const names = reversePathSysctls([...parents, ...tunnels]);
      this.#reversePath = await this.#parts.kernel.readSysctls(names);
    }
    return { ...underlay, routes: this.#underlayRoutes ?? [], sysctls: this.#reversePath };
  }

  #untilNext(): number {
    const now = performance.now();
    const due = Math.min(this.#nextReadBack, this.reconciler.nextDue() ?? Number.POSITIVE_INFINITY);
    return Math.max(0, due - now);
  }

  /** Ten per cent of jitter, so that the nodes of a cluster do not work in step. */
  #scheduleReadBack(): void {
    const interval = this.overlay.settings.routeRefreshInterval.value;
    const now = performance.now();
    if (interval === 0) this.#nextReadBack = Number.POSITIVE_INFINITY;
    else if (this.#nextReadBack > now + interval * 1.1) {
      this.#nextReadBack = now + interval * (1 + Math.random() / 10);
    }
  }
}

/**
 * Brings the kernel to the desired state and keeps it there: what is dirty is planned stage by
 * stage, applied through the port, and noted in our picture of the kernel. Everything that happens
 * (a wish, an event, a read-back, a retry) only marks keys dirty; there is one way to the kernel.
 *
 * The caller alternates `read` and `apply` until `isIdle`, and never overlaps them; `observe` may
 * come at any time.
 */
import { emptyKernelState } from "../kernel/apply-to-state.ts";
import { objectName } from "../kernel/describe-op.ts";
import {
  CANCELLED,
  Chain,
  type Kernel,
  type KernelChange,
  type OpFailure,
} from "../kernel/kernel.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import type { KernelState, Route } from "../kernel/kernel-state.ts";
import { CAUSEWAY_DEVICES, type DeviceNames } from "../kernel/ownership.ts";
import { type KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import { RouteTable } from "../kernel/route-table.ts";
import { CAUSE, type Cause, Dirty, keyOf } from "./dirty.ts";
import { type HeldKey, HeldKeys } from "./held-keys.ts";
import { KernelHints } from "./kernel-hints.ts";
import { mapOf } from "./object-differences.ts";
import { type ForwardingStages, isOpStage, STAGES, type Stage } from "./op-order.ts";
import { OutcomeNotes } from "./outcome-notes.ts";
import { CallsUnderWay, causeAt, type Pass } from "./pass.ts";
import { Plan } from "./plan.ts";
import type { ForeignRoutes, PlanInput } from "./plan-input.ts";
import { ALL_SCOPES, type Picture, readBack } from "./read-back.ts";
import { foundState, MendedOps, type Repair, RepairLog } from "./repair-log.ts";
import { RouteReader } from "./route-reader.ts";
import { MANY_ROUTES, withoutRouteEvents } from "./unheard-routes.ts";

export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly desired: KernelState;
  /** `CAUSEWAY_DEVICES` without. */
  readonly devices?: DeviceNames;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since the epoch, for what people read. */
  readonly wallClock: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  /** Whether foreign routes at our destinations are replaced, as it is now. */
  readonly takesOver: () => boolean;
  /** Absent where nothing is carried in userspace, or nothing is really done. */
  readonly forwarding?: ForwardingStages | undefined;
  /** So many new routes in one pass are written without listening; `MANY_ROUTES` without. */
  readonly manyRoutes?: number;
  readonly onOps?: (ops: KernelOps, failures: readonly OpFailure[]) => void;
  /** A foreign route stood at a destination of ours and was replaced. */
  readonly onTakeOver?: (foreign: Route, ours: Route) => void;
  readonly onRepair?: (repair: Repair) => void;
  readonly onFight?: (op: KernelOp, found: string) => void;
}

export class Reconciler {
  readonly actual: KernelState = emptyKernelState();
  readonly foreign: ForeignRoutes = { 4: new RouteTable(4), 6: new RouteTable(6) };
  readonly repairs: RepairLog = new RepairLog();
  /** Where the caller marks what is wanted now and was not before. */
  readonly dirty: Dirty = new Dirty();
  /** `now()` and length of the last read-back of both route tables. */
  lastReadBack: { routes: number; milliseconds: number } | undefined;

  readonly #options: ReconcilerOptions;
  readonly #waiting = new Dirty();
  readonly #held: HeldKeys;
  readonly #hints: KernelHints;
  readonly #notes: OutcomeNotes;
  readonly #picture: Picture;
  readonly #routeReader: RouteReader;
  #hasRead = false;
  #mayRemove = false;

  constructor(options: ReconcilerOptions) {
    const { desired, kernel, devices = CAUSEWAY_DEVICES, now, onTakeOver } = options;
    const { actual, foreign, dirty } = this;
    this.#options = options;
    this.#picture = { desired, actual, foreign, dirty, devices };
    this.#routeReader = new RouteReader(kernel, this.#picture);
    this.#held = new HeldKeys(options.random);
    this.#hints = new KernelHints({ desired, actual, paths: kernel.paths, dirty, devices, now });
    this.#notes = new OutcomeNotes({
      ...this.#picture,
      paths: kernel.paths,
      waiting: this.#waiting,
      hints: this.#hints,
      onTakeOver,
    });
  }

  /** Parents of our devices: what happens to them matters to us. */
  get parents(): ReadonlySet<string> {
    return this.#hints.parents;
  }

  set parents(devices: ReadonlySet<string>) {
    this.#hints.parents = devices;
  }

  /** Whether what is ours and not desired may go; false until the datastore is in sync and whole. */
  set mayRemove(value: boolean) {
    if (value && !this.#mayRemove) this.dirty.markAll(CAUSE.want);
    this.#mayRemove = value;
  }

  /** True if nothing is left to do but to wait for back-offs. */
  get isIdle(): boolean {
    return this.#hints.isEmpty && !this.#hasWork;
  }

  held(): HeldKey[] {
    return this.#held.list();
  }

  /** How many objects wait for a device or a nexthop. */
  get waitingCount(): number {
    const { desired } = this.#options;
    return this.#waiting.count(
      (kind, key) => mapOf(desired, kind).has(key),
      (destination) => desired.routes[destination.family].get(destination) >= 0,
    );
  }

  /** When `apply` has to be called again without any new event, on the clock of `now`. */
  nextDue(): number | undefined {
    return this.#held.nextDue();
  }

  /** Asks for a read-back of everything, as at start. */
  readAgain(): void {
    this.#hints.ask(...ALL_SCOPES);
  }

  /** Takes in an event of the kernel. True if there is something to do now. */
  observe(change: KernelChange): boolean {
    this.#hints.observe(change);
    return !this.isIdle;
  }

  /** Reads what has to be read again; true if there was anything. */
  async read(): Promise<boolean> {
    if (this.#hints.isEmpty) return false;
    const { kernel, now } = this.#options;
    const cause: Cause = this.#hasRead ? CAUSE.drift : CAUSE.start;
    let routeTime = 0;
    for (const scope of this.#hints.takeScopes()) {
      const started = now();
      if (scope === "routes4") await this.#routeReader.read(4, cause);
      else if (scope !== "routes6") await readBack(scope, kernel, this.#picture, cause);
      else if (kernel.features.ipv6) await this.#routeReader.read(6, cause);
      if (scope === "link" || scope === "nexthop") this.dirty.absorb(this.#waiting);
      if (scope === "routes4" || scope === "routes6") routeTime += now() - started;
    }
    this.#hasRead = true;
    if (routeTime > 0) {
      const { routes } = this.actual;
      this.lastReadBack = { routes: routes[4].size + routes[6].size, milliseconds: routeTime };
    }
    return true;
  }

  get #hasWork(): boolean {
    return !this.dirty.isEmpty || this.#options.forwarding?.isDirty === true;
  }

  /** Plans and applies what is dirty, once; what turns out on the way is dirty afterwards. */
  async apply(): Promise<void> {
    this.#held.release(this.dirty, this.#options.now());
    const mended = new MendedOps();
    if (this.#hasWork) {
      const pass: Pass = { dirty: this.dirty.take(), mended, failed: new Set() };
      this.#hints.beginPass();
      try {
        const plan = new Plan(this.#planInput(pass.dirty));
        for (const ops of plan.additions) await this.#options.kernel.prepare(ops);
        const { kernel, manyRoutes = MANY_ROUTES } = this.#options;
        const work = this.#carryOutAll.bind(this, plan, pass);
        const readRoutes = this.#hints.ask.bind(this.#hints, "routes4", "routes6");
        if (plan.newRouteCount < manyRoutes) await work();
        else await withoutRouteEvents(kernel, work, readRoutes);
      } finally {
        this.#hints.endPass(pass.dirty);
      }
    }
    if (!this.#held.isEmpty) this.#held.forget((op) => this.#isMoot(op));
    this.#logRepairs(mended);
  }

  /** How many removals are due and withheld because `mayRemove` is false. */
  countWithheld(): number {
    if (this.#mayRemove) return 0;
    const dirty = new Dirty();
    dirty.markAll(CAUSE.want);
    const plan = new Plan(this.#planInput(dirty));
    let count = 0;
    for (const stage of STAGES) {
      if (stage.removes && isOpStage(stage))
        for (const ops of plan.stage(stage)) count += ops.length;
    }
    return count;
  }

  /** True if the wish has changed meanwhile: to have what is to go, or not to have what is to come. */
  #isMoot(op: KernelOp): boolean {
    const { desired } = this.#picture;
    const isWanted =
      op.kind === "route"
        ? desired.routes[op.object.destination.family].get(op.object.destination) >= 0
        : mapOf(desired, op.kind).has(keyOf(op));
    return isWanted === (op.reason === "unwanted");
  }

  #planInput(dirty: Dirty): PlanInput {
    const { kernel, takesOver } = this.#options;
    const { paths } = kernel;
    return { ...this.#picture, dirty, paths, takeOver: takesOver(), waiting: this.#waiting };
  }

  async #forward({ removes }: Stage): Promise<void> {
    const { forwarding } = this.#options;
    await (removes ? forwarding?.narrow() : forwarding?.widen());
  }

  async #carryOutAll(plan: Plan, pass: Pass): Promise<void> {
    let isDone = await this.#carryOut(plan, pass);
    while (!isDone) isDone = await this.#carryOut(new Plan(this.#planInput(pass.dirty)), pass);
  }

  /**
   * While the kernel works on some operations, the next ones are planned and encoded. False if an
   * operation failed that others build on: then these were cancelled, nothing was removed that may
   * still be in use, and what is left has to be planned again, without the one that failed.
   */
  async #carryOut(plan: Plan, pass: Pass): Promise<boolean> {
    const { kernel } = this.#options;
    const chain = new Chain();
    const calls = new CallsUnderWay();
    for (const stage of STAGES) {
      if (stage.removes) {
        await calls.settle();
        if (chain.isBroken) return false;
        if (!this.#mayRemove) continue;
      }
      if (!isOpStage(stage)) {
        await this.#forward(stage);
        continue;
      }
      for (const planned of plan.stage(stage)) {
        const ops = this.#withoutHeld(planned, pass);
        if (ops.length === 0) continue;
        const failures = kernel.apply(ops, stage.pace === "chained" ? chain : undefined);
        plan.sent(ops);
        await calls.add(failures.then((all) => this.#note(ops, all, pass)));
      }
      if (stage.pace === "awaited") await calls.settle();
    }
    return true;
  }

  #withoutHeld(ops: KernelOps, { dirty, failed }: Pass): KernelOps {
    if (this.#held.isEmpty) return ops;
    const mayGo = (op: KernelOp): boolean =>
      !failed.has(objectName(op)) && !this.#held.holds(op, dirty.causeOfOp(op));
    return ops instanceof RouteBatch ? ops.filter((at) => mayGo(ops.at(at))) : ops.filter(mayGo);
  }

  #note(ops: KernelOps, failures: readonly OpFailure[], pass: Pass): void {
    const { dirty, mended } = pass;
    this.#options.onOps?.(ops, failures);
    const failed = new Set(failures.map(({ at }) => at));
    this.#notes.succeeded(ops, failed, dirty);
    for (let at = 0; at < ops.length; at++) {
      if (failed.has(at)) continue;
      if (!this.#held.isEmpty) this.#held.succeed(ops.at(at) as KernelOp);
      if (causeAt(ops, at, dirty) === CAUSE.drift) mended.add(ops.at(at) as KernelOp);
    }
    for (const failure of failures) {
      if (failure.code === CANCELLED) continue;
      pass.failed.add(objectName(failure.op));
      const isReadAgain = this.#notes.failed(failure);
      this.#held.fail(failure, this.#options.now(), isReadAgain);
    }
  }

  #logRepairs(mended: MendedOps): void {
    const { now, wallClock, onRepair, onFight } = this.#options;
    const since = this.#hints.takeDriftSince();
    const repair = this.repairs.record(mended, wallClock(), now() - since);
    if (repair !== undefined) onRepair?.(repair);
    for (const op of mended.first) {
      if (this.#held.repaired(op, foundState(op), now())) onFight?.(op, foundState(op));
    }
  }
}

/**
 * Brings the kernel to the desired state and keeps it there: what is dirty is planned stage by
 * stage, applied through the port, and noted in our picture of the kernel. Everything that happens
 * (a wish, an event, a read-back, a retry) only marks keys dirty; there is one way to the kernel.
 *
 * The caller alternates `read` and `apply` until `isIdle`, and never overlaps them; `observe` may
 * come at any time.
 */
import { applyToState, emptyKernelState } from "../kernel/apply-to-state.ts";
import type { Kernel, KernelChange, OpFailure } from "../kernel/kernel.ts";
import type { KernelOp, RouteOp } from "../kernel/kernel-op.ts";
import type { KernelState, Route } from "../kernel/kernel-state.ts";
import { isOurDevice } from "../kernel/ownership.ts";
import { RouteTable } from "../kernel/route-table.ts";
import { CAUSE, type Cause, Dirty } from "./dirty.ts";
import { type HeldKey, HeldKeys } from "./held-keys.ts";
import { markCascade } from "./link-cascade.ts";
import { STAGES, type Stage } from "./op-order.ts";
import type { ForeignRoutes, PlanInput } from "./plan-input.ts";
import { mapOf, planStage } from "./plan-stage.ts";
import { ALL_SCOPES, type ReadScope, readBack } from "./read-back.ts";
import { foundState, type Repair, RepairLog } from "./repair-log.ts";

/** Operations handed to the kernel in one call; a turn of the event loop lies between two. */
const CHUNK = 8_192;
/** Repairs of one pass that are counted one by one when looking for fights. */
const COUNTED_REPAIRS = 256;

export interface ReconcilerOptions {
  readonly kernel: Kernel;
  readonly desired: KernelState;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Milliseconds since the epoch, for what people read. */
  readonly wallClock: () => number;
  /** 0 to 1, for jitter. */
  readonly random: () => number;
  readonly takeOver: boolean;
  readonly onOps?: (ops: readonly KernelOp[], failures: readonly OpFailure[]) => void;
  /** A foreign route stood at a destination of ours and was replaced. */
  readonly onTakeOver?: (foreign: Route, ours: Route) => void;
  readonly onRepair?: (repair: Repair) => void;
  readonly onFight?: (op: KernelOp, found: string) => void;
}

export class Reconciler {
  readonly actual: KernelState = emptyKernelState();
  readonly foreign: ForeignRoutes = { 4: new RouteTable(4), 6: new RouteTable(6) };
  /** Parents of our devices: what happens to them matters to us. */
  parents: ReadonlySet<string> = new Set();
  readonly repairs: RepairLog = new RepairLog();
  /** `now()` and length of the last read-back of both route tables. */
  lastReadBack: { routes: number; milliseconds: number } | undefined;

  readonly #options: ReconcilerOptions;
  #dirty = new Dirty();
  readonly #waiting = new Dirty();
  readonly #held: HeldKeys;
  /** Scopes to read again -> when the first hint came. */
  readonly #scopes = new Map<ReadScope, number>();
  #hasRead = false;
  #mayRemove = false;
  #driftSince: number | undefined;
  /** Route events that came while routes were being read. */
  #deferred: KernelChange[] = [];
  #isReading = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#held = new HeldKeys(options.random);
  }

  /** Whether what is ours and not desired may go; false until the datastore is in sync and whole. */
  set mayRemove(value: boolean) {
    if (value && !this.#mayRemove) this.#dirty.markAll(CAUSE.want);
    this.#mayRemove = value;
  }

  /** True if nothing is left to do but to wait for back-offs. */
  get isIdle(): boolean {
    return this.#scopes.size === 0 && this.#dirty.isEmpty;
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

  /** When `run` has to be called again without any new event, on the clock of `now`. */
  nextDue(): number | undefined {
    return this.#held.nextDue();
  }

  /** Where the caller marks what is wanted now and was not before. */
  get dirty(): Dirty {
    return this.#dirty;
  }

  /** Asks for a read-back of everything, as at start. */
  readAgain(scopes: Iterable<ReadScope> = ALL_SCOPES): void {
    for (const scope of scopes) this.#hint(scope);
  }

  /** Takes in an event of the kernel. True if there is something to do now. */
  observe(change: KernelChange): boolean {
    switch (change.kind) {
      case "overrun":
        this.readAgain();
        break;
      case "link":
        this.#observeLink(change);
        break;
      case "address":
        // The node address may have come to a device that was none of our business until now.
        this.readAgain(["link", "address"]);
        // The last address of a device takes its IPv4 routes along, without a word.
        if (change.deleted && this.#concernsUs(change.device)) this.readAgain(["routes4"]);
        break;
      case "neighbour":
      case "fdb":
        if (isOurDevice(change.device)) this.#hint(change.kind);
        break;
      case "nexthop":
        if (this.#knowsNexthop(change.id)) this.readAgain(["nexthop", "routes4", "routes6"]);
        break;
      case "route":
        if (this.#isReading) this.#deferred.push(change);
        else this.#observeRoute(change);
    }
    return !this.isIdle || this.#deferred.length > 0;
  }

  /** Reads what has to be read again; true if there was anything. */
  async read(): Promise<boolean> {
    if (this.#scopes.size === 0) return false;
    const { kernel, desired, now } = this.#options;
    const cause: Cause = this.#hasRead ? CAUSE.drift : CAUSE.start;
    const picture = { desired, actual: this.actual, foreign: this.foreign, dirty: this.#dirty };
    let routeTime = 0;
    this.#isReading = true;
    try {
      for (const scope of ALL_SCOPES) {
        const since = this.#scopes.get(scope);
        if (since === undefined) continue;
        this.#scopes.delete(scope);
        if (this.#driftSince === undefined || since < this.#driftSince) this.#driftSince = since;
        const started = now();
        await readBack(scope, kernel, picture, cause);
        if (scope === "link" || scope === "nexthop") this.#dirty.absorb(this.#waiting);
        if (scope === "routes4" || scope === "routes6") routeTime += now() - started;
      }
    } finally {
      this.#isReading = false;
    }
    this.#hasRead = true;
    if (routeTime > 0) {
      const routes = this.actual.routes[4].size + this.actual.routes[6].size;
      this.lastReadBack = { routes, milliseconds: routeTime };
    }
    const deferred = this.#deferred;
    this.#deferred = [];
    for (const change of deferred) this.observe(change);
    return true;
  }

  /** Plans and applies what is dirty, once; what turns out on the way is dirty afterwards. */
  async apply(): Promise<void> {
    this.#held.release(this.#dirty, this.#options.now());
    const dirty = this.#dirty;
    this.#dirty = new Dirty();
    const mended: KernelOp[] = [];
    if (!dirty.isEmpty) {
      const input = this.#planInput(dirty);
      for (const stage of STAGES) {
        for (const ops of chunks(this.#plan(stage, input)))
          await this.#carryOut(ops, dirty, mended);
      }
    }
    this.#logRepairs(mended);
  }

  /** How many removals are due and withheld because `mayRemove` is false. */
  countWithheld(): number {
    if (this.#mayRemove) return 0;
    const dirty = new Dirty();
    dirty.markAll(CAUSE.want);
    const input = this.#planInput(dirty);
    let count = 0;
    for (const stage of STAGES) {
      if (stage.removes) for (const _ of planStage(stage, input)) count++;
    }
    return count;
  }

  #planInput(dirty: Dirty): PlanInput {
    const { desired, kernel, takeOver } = this.#options;
    return {
      desired,
      actual: this.actual,
      paths: kernel.paths,
      dirty,
      foreign: this.foreign,
      takeOver,
      waiting: this.#waiting,
    };
  }

  #hint(scope: ReadScope): void {
    if (!this.#scopes.has(scope)) this.#scopes.set(scope, this.#options.now());
  }

  #concernsUs(device: string): boolean {
    return isOurDevice(device) || this.parents.has(device) || this.parents.size === 0;
  }

  #knowsNexthop(id: number): boolean {
    return this.actual.nexthops.has(id) || this.#options.desired.nexthops.has(id);
  }

  /** IPv4 routes vanish without a word when a link goes down or away: then all is read again. */
  #observeLink(change: KernelChange & { kind: "link" }): void {
    if (!this.#concernsUs(change.device)) return;
    const known = this.actual.links.get(change.device);
    const isSame = known?.ifindex === change.ifindex || known?.ifindex === 0;
    if (known?.up && change.up && isSame && !change.deleted) this.readAgain(["link"]);
    else this.readAgain();
  }

  #observeRoute({ destination, path, owned, deleted }: KernelChange & { kind: "route" }): void {
    const { family } = destination;
    const want = this.#options.desired.routes[family].get(destination);
    const table = this.actual.routes[family];
    if (!owned && want < 0) return;
    const have = table.get(destination);
    if (!owned || (!deleted && have >= 0 && have !== path)) {
      // Replaced or stands beside: the event does not say which.
      this.#hint(family === 4 ? "routes4" : "routes6");
      return;
    }
    if (!deleted) table.setCidr(destination, path);
    else if (have === path) table.delete(destination);
    if (table.get(destination) === want) return;
    this.#driftSince ??= this.#options.now();
    this.#dirty.markRoute(destination, CAUSE.drift);
  }

  *#plan(stage: Stage, input: PlanInput): Generator<KernelOp> {
    for (const op of planStage(stage, input)) {
      if (stage.removes && !this.#mayRemove) continue;
      if (!this.#held.holds(op, input.dirty.causeOfOp(op))) yield op;
    }
  }

  async #carryOut(ops: readonly KernelOp[], dirty: Dirty, mended: KernelOp[]): Promise<void> {
    const { kernel, now, onOps } = this.#options;
    const failures = await kernel.apply(ops);
    onOps?.(ops, failures);
    const failed = new Set(failures.map((failure) => failure.op));
    let hasNewGround = false;
    for (const op of ops) {
      if (failed.has(op)) continue;
      this.#note(op, dirty);
      this.#held.succeed(op);
      if (dirty.causeOfOp(op) === CAUSE.drift) mended.push(op);
      hasNewGround ||= (op.kind === "link" || op.kind === "nexthop") && op.verb !== "delete";
    }
    if (hasNewGround) this.#dirty.absorb(this.#waiting);
    for (const failure of failures) {
      this.#held.fail(failure, now());
      this.#doubt(failure);
    }
  }

  /** Notes a success in our picture, and what else it changed as marks and hints. */
  #note(op: KernelOp, dirty: Dirty): void {
    const { desired, kernel } = this.#options;
    if (op.kind === "route" && op.reason === "foreign") {
      this.#noteTakeOver(op);
      if (op.verb === "delete") return;
    }
    applyToState(this.actual, op, kernel.paths);
    if (op.kind === "link") {
      // The device as the kernel made it: its ifindex, and addresses nobody asked for.
      for (const scope of ["link", "address"] as const) this.#hint(scope);
      markCascade(op, desired, kernel.paths, dirty);
      if (op.verb === "replace" && op.actual?.up === false) this.readAgain();
    }
  }

  #noteTakeOver({ object }: RouteOp): void {
    const { kernel, desired, onTakeOver } = this.#options;
    const { destination } = object;
    const { family } = destination;
    const row = this.foreign[family].findCidr(destination);
    const want = desired.routes[family].get(destination);
    if (row < 0 || want < 0) return;
    const foreign = kernel.paths.get(this.foreign[family].pathOf(row));
    this.foreign[family].removeRow(row);
    onTakeOver?.({ destination, path: foreign }, { destination, path: kernel.paths.get(want) });
  }

  /** A refusal that says the kernel is not as we think: look again. */
  #doubt({ op, code }: OpFailure): void {
    if (code === "ENOBUFS") this.readAgain();
    else if (["EEXIST", "ENOENT", "ESRCH", "ENODEV"].includes(code)) {
      if (op.kind === "route")
        this.#hint(op.object.destination.family === 4 ? "routes4" : "routes6");
      else this.#hint(op.kind);
    }
  }

  #logRepairs(mended: readonly KernelOp[]): void {
    const { now, wallClock, onRepair, onFight } = this.#options;
    const since = this.#driftSince ?? now();
    this.#driftSince = undefined;
    const repair = this.repairs.record(mended, wallClock(), now() - since);
    if (repair !== undefined) onRepair?.(repair);
    for (const op of mended.slice(0, COUNTED_REPAIRS)) {
      if (this.#held.repaired(op, foundState(op), now())) onFight?.(op, foundState(op));
    }
  }
}

function* chunks(ops: Iterable<KernelOp>): Generator<KernelOp[]> {
  let chunk: KernelOp[] = [];
  for (const op of ops) {
    chunk.push(op);
    if (chunk.length === CHUNK) {
      yield chunk;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield chunk;
}

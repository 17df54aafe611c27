/**
 * A reconciler at work on the fake kernel, with a clock that moves only when the test says so. The
 * one place in the tests that knows how the parts are called: cases speak in lines (state-lines.ts).
 */
import { emptyKernelState } from "../../tunnels/kernel/apply-to-state.ts";
import { describeOp, objectName } from "../../tunnels/kernel/describe-op.ts";
import type { KernelFeatures } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import {
  addressKey,
  fdbKey,
  type KernelState,
  neighbourKey,
} from "../../tunnels/kernel/kernel-state.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { CAUSE, type Dirty } from "../../tunnels/reconcile/dirty.ts";
import { Reconciler } from "../../tunnels/reconcile/reconciler.ts";
import { delivered, FakeKernel } from "./fake-kernel.ts";
import { OtherProgram } from "./other-program.ts";
import { fillState, type KernelObject, objectsOf, printObject } from "./state-lines.ts";

/** What every lab's kernel holds at first: an underlay in both families. */
export const UNDERLAY: readonly string[] = [
  "link eth0 mtu 1500",
  "address 192.0.2.1/24 dev eth0",
  "address fd00:9::1/64 dev eth0",
];

export interface LabOptions {
  readonly takeOver?: boolean;
  /** From so many new routes on nobody listens to route events; never without. */
  readonly manyRoutes?: number;
  readonly features?: Partial<KernelFeatures>;
}

export class ReconcilerLab {
  readonly kernel: FakeKernel;
  readonly others: OtherProgram;
  readonly desired: KernelState;
  reconciler: Reconciler;
  /** "10.2.0.0/26 of protocol 80": foreign routes that were taken over. */
  readonly takenOver: string[] = [];
  readonly repairs: string[] = [];
  readonly fights: string[] = [];
  /** The jitter's source; 0 makes back-offs exact. */
  random = 0;
  /** Milliseconds. */
  now = 0;
  /** Events are lost. */
  isDeaf = false;
  readonly #options: LabOptions;
  #ops: KernelOp[] = [];
  #failures: string[] = [];
  #isNew = true;

  constructor(options: LabOptions = {}) {
    this.#options = options;
    this.kernel = new FakeKernel(new PathTable(), options.features);
    this.others = new OtherProgram(this.kernel);
    this.desired = emptyKernelState();
    this.reconciler = this.#newReconciler();
    void this.kernel.watch((change) => {
      if (!this.isDeaf) this.reconciler.observe(change);
    });
    this.outside(...UNDERLAY);
  }

  /** A new process on the same kernel: it knows nothing but what is wanted. */
  restart(): void {
    this.reconciler = this.#newReconciler();
    this.#isNew = true;
  }

  /** What another program does, see OtherProgram. */
  outside(...lines: readonly string[]): void {
    this.others.do(...lines);
  }

  /** Wants exactly these objects from now on, and marks what is new as the agent does. */
  want(...lines: readonly string[]): void {
    const { paths } = this.kernel;
    const before = objectsOf(this.desired, paths);
    fillState(this.desired, lines, paths);
    const after = objectsOf(this.desired, paths);
    const stays = new Set(after.map(printObject));
    const stayed = new Set(before.map(printObject).filter((line) => stays.has(line)));
    for (const object of [...before, ...after]) {
      if (!stayed.has(printObject(object))) markWanted(this.reconciler.dirty, object);
    }
  }

  /** Reads and applies until nothing is left to do, as the agent's loop does. */
  async settle(): Promise<this> {
    for (let turns = 0; ; turns++) {
      await delivered();
      const isDue = (this.reconciler.nextDue() ?? Number.POSITIVE_INFINITY) <= this.now;
      if (this.reconciler.isIdle && !this.#isNew && !isDue) return this;
      if (turns === 100) throw new Error("the reconciler finds no end");
      await this.turn();
    }
  }

  /** One read and one apply. */
  async turn(): Promise<void> {
    if (this.#isNew) this.reconciler.readAgain();
    await this.reconciler.read();
    if (this.#isNew) this.reconciler.dirty.markAll(CAUSE.want);
    this.#isNew = false;
    await this.reconciler.apply();
  }

  /** Lets time go by, and whatever falls due on the way happen at its time. */
  async pass(milliseconds: number): Promise<this> {
    const end = this.now + milliseconds;
    for (;;) {
      await this.settle();
      const due = this.reconciler.nextDue() ?? Number.POSITIVE_INFINITY;
      if (due > end) break;
      this.now = due;
    }
    this.now = end;
    return this;
  }

  /** What `reconciler.mayRemove` is to be; true from the start. */
  set mayRemove(value: boolean) {
    this.reconciler.mayRemove = value;
  }

  /** Everything in the kernel, sorted; without the underlay that every lab has. */
  holds(): string[] {
    return this.others.holds().filter((line) => !UNDERLAY.includes(line));
  }

  /** The operations since the last call, as commands, those that failed too. */
  commands(): string[] {
    const lines = this.#ops.flatMap(describeOp);
    this.#ops = [];
    return lines;
  }

  /** The operations that failed since the last call: "route 10.2.0.0/26: EBUSY". */
  failures(): string[] {
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }

  /** What an operation is about, as status and logs name it. */
  nameOf(op: KernelOp): string {
    return objectName(op);
  }

  /** What is held back: "failing route 10.2.0.0/26: the fake kernel says EBUSY". */
  held(): string[] {
    return this.reconciler.held().map(({ why, name, reason }) => `${why} ${name}: ${reason}`);
  }

  /** Refuses the next operations of that verb on the object of that name. */
  refuse(verb: KernelOp["verb"], name: string, code: string, times = 1): void {
    const matches = (op: KernelOp): boolean => op.verb === verb && objectName(op) === name;
    this.kernel.failNext(matches, code, times);
  }

  /** Everything in the kernel, as values. */
  objects(): KernelObject[] {
    return this.others.objects();
  }

  #newReconciler(): Reconciler {
    const { takeOver = true, manyRoutes = Number.POSITIVE_INFINITY } = this.#options;
    const reconciler = new Reconciler({
      kernel: this.kernel,
      desired: this.desired,
      now: () => this.now,
      wallClock: () => this.now,
      random: () => this.random,
      takesOver: () => takeOver,
      manyRoutes,
      onOps: (ops, failures) => {
        this.#ops.push(...ops);
        this.#failures.push(...failures.map(({ op, code }) => `${objectName(op)}: ${code}`));
      },
      onTakeOver: ({ destination, path }) => {
        this.takenOver.push(`${destination} of protocol ${path.protocol}`);
      },
      onRepair: ({ what, found, others }) => {
        this.repairs.push(`${what} ${found}${others > 0 ? ` and ${others} more` : ""}`);
      },
      onFight: (op, found) => this.fights.push(`${objectName(op)} ${found}`),
    });
    reconciler.parents = new Set(["eth0"]);
    reconciler.mayRemove = true;
    return reconciler;
  }
}

function markWanted(dirty: Dirty, { kind, object }: KernelObject): void {
  if (kind === "route") dirty.markRoute(object.destination, CAUSE.want);
  else if (kind === "nexthop") dirty.mark(kind, object.id, CAUSE.want);
  else if (kind === "link" || kind === "sysctl") dirty.mark(kind, object.name, CAUSE.want);
  else if (kind === "address") dirty.mark(kind, addressKey(object), CAUSE.want);
  else if (kind === "neighbour") dirty.mark(kind, neighbourKey(object), CAUSE.want);
  else dirty.mark(kind, fdbKey(object), CAUSE.want);
}

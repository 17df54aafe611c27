/** Keeps one data worker at work: starts it again when it dies, and knows which plan it goes by. */
import { CausewayError } from "../../errors.ts";
import type { Restarts } from "../data-path.ts";
import type { SharedPlan } from "../worker/shared-plan.ts";

export interface DataWorker {
  /** Has it go by `plan` from now on. */
  adopt(plan: SharedPlan): void;
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

/** What a worker says of itself. */
export interface WorkerEvents {
  /** Every packet from now on goes by the plan of this revision. */
  readonly onAdopted: (revision: number) => void;
  /** It ended by itself. */
  readonly onDeath: (reason: string) => void;
}

/** Milliseconds between a worker's death and the next one's start: the first, and the most. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 5_000;
/** A worker that lived so long, in milliseconds, did not die of its start. */
const HEALTHY = 10_000;

export class WorkerKeeper {
  readonly #startWorker: (events: WorkerEvents) => DataWorker;
  #worker: DataWorker | undefined;
  #plan: SharedPlan | undefined;
  #adopted = 0;
  readonly #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];
  #restarts: Restarts = { count: 0, lastReason: undefined, lastAt: undefined };
  #pause = FIRST_PAUSE;
  #startedAt = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #isStopped = true;
  #failStart: ((error: CausewayError) => void) | undefined;

  constructor(startWorker: (events: WorkerEvents) => DataWorker) {
    this.#startWorker = startWorker;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  get restarts(): Restarts {
    return this.#restarts;
  }

  /**
   * Starts the first worker and then does `give`, which is to call `adopt`.
   * @throws CausewayError if the worker dies before `give` is done.
   */
  async start(give: () => Promise<void>): Promise<void> {
    this.#isStopped = false;
    const firstDeath = new Promise<never>((_, reject) => {
      this.#failStart = reject;
    });
    try {
      this.#begin();
      await Promise.race([give(), firstDeath]);
    } catch (error) {
      await this.stop();
      throw error;
    } finally {
      this.#failStart = undefined;
    }
  }

  /** Resolves when the worker goes by `plan`, or a later one. */
  adopt(plan: SharedPlan): Promise<void> {
    this.#plan = plan;
    this.#worker?.adopt(plan);
    return new Promise((resolve) => {
      this.#waiting.push({ revision: plan.revision, resolve });
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#restartTimer);
    await this.#worker?.stop();
    this.#worker = undefined;
    this.#settle(Number.POSITIVE_INFINITY);
  }

  #begin(): void {
    this.#startedAt = performance.now();
    this.#worker = this.#startWorker({
      onAdopted: (revision) => {
        this.#adopted = Math.max(this.#adopted, revision);
        this.#settle(this.#adopted);
      },
      onDeath: (reason) => this.#onDeath(reason),
    });
  }

  #settle(revision: number): void {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      if (next.revision > revision) return;
      this.#waiting.shift();
      next.resolve();
    }
  }

  #onDeath(reason: string): void {
    this.#worker = undefined;
    if (this.#isStopped) return;
    if (this.#failStart !== undefined) {
      this.#failStart(new CausewayError("kernel", `cannot start the data worker: ${reason}`));
      return;
    }
    const { count } = this.#restarts;
    this.#restarts = { count: count + 1, lastReason: reason, lastAt: Date.now() };
    if (performance.now() - this.#startedAt > HEALTHY) this.#pause = FIRST_PAUSE;
    this.#restartTimer = setTimeout(() => this.#restart(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  }

  #restart(): void {
    try {
      this.#begin();
    } catch (error) {
      this.#onDeath(CausewayError.from(error, "kernel", "cannot start again").message);
      return;
    }
    if (this.#plan !== undefined) this.#worker?.adopt(this.#plan);
  }
}

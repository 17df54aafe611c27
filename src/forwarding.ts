/**
 * Keeps the data path at what the overlay wants, at the moments that the order of operations gives.
 * The control plane never depends on it: what it does not do in time, or at all, is told by `status`
 * and tried again, and the kernel's part goes on.
 */

import type { ForwardingPlan } from "../encap/forwarding-plan.ts";
import type { Overlay } from "../tunnels/desired/overlay.ts";
import type { Problem } from "../tunnels/desired/problem.ts";
import { TUN_DEVICE } from "../tunnels/kernel/ownership.ts";
import { type BackoffLimits, backoffDelay } from "../tunnels/reconcile/backoff.ts";
import type { ForwardingStages } from "../tunnels/reconcile/op-order.ts";
import { CausewayError, reasonOf } from "./errors.ts";
import type { Logger } from "./observe/log.ts";
import { inTurns } from "./turns.ts";
import type {
  DataPath,
  DataPathCounters,
  EndpointReport,
  Restarts,
} from "./userspace/data-path.ts";

/** Milliseconds that a pass waits for the data path: it answers in one, unless it is being restarted. */
const PATIENCE = 1_000;
/** A data path that does not start. */
const START: BackoffLimits = { first: 1_000, limit: 60_000 };
/** An endpoint that is not served: as a rule a device holds its port that is about to be removed. */
const SERVE: BackoffLimits = { first: 20, limit: 5_000 };
/** How often is looked whether the data path is as it was, in milliseconds. */
const WATCH = 1_000;

export interface ForwardingParts {
  readonly overlay: Overlay;
  readonly dataPath: DataPath;
  readonly log: Logger;
  /** Called when `isDirty` becomes true by itself. */
  readonly onDue: () => void;
}

export class Forwarding implements ForwardingStages {
  readonly #parts: ForwardingParts;
  /** What the data path was told last. */
  #given: ForwardingPlan | undefined;
  #isRunning = false;
  #failedStarts = 0;
  #startFailure: CausewayError | undefined;
  /** `performance.now()` before which no start is tried. */
  #notBefore = 0;
  #unserved = 0;
  #retryTimer: NodeJS.Timeout | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #told = "";

  constructor(parts: ForwardingParts) {
    this.#parts = parts;
  }

  get isDirty(): boolean {
    const { forwardingPlan } = this.#parts.overlay;
    const isIdle = forwardingPlan === undefined && this.#isRunning;
    return (forwardingPlan !== this.#given || isIdle) && performance.now() >= this.#notBefore;
  }

  /**
   * Starts the data path before there is a plan, on a device that is there from an earlier run: what
   * its routes give it waits in its queue from here on, and is lost where nobody is attached.
   */
  async attach(): Promise<void> {
    if (!this.#isRunning) await this.#start();
  }

  async widen(): Promise<void> {
    if (this.isDirty) await this.#give();
  }

  async narrow(): Promise<void> {
    await inTurns(this.#parts.overlay.retireForwarding());
    if (this.isDirty) await this.#give();
  }

  /** Stops the data path; device and routes stay. */
  async stop(): Promise<void> {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#watchTimer);
    this.#given = undefined;
    if (!this.#isRunning) return;
    this.#isRunning = false;
    await this.#parts.dataPath.stop();
  }

  /** True if the data path goes by what is wanted now. */
  get isInForce(): boolean {
    return this.#isRunning && this.#given === this.#parts.overlay.forwardingPlan;
  }

  /** Of the data path; empty while it does not run. */
  get endpoints(): readonly EndpointReport[] {
    return this.#isRunning ? this.#parts.dataPath.endpoints : [];
  }

  get restarts(): Restarts {
    return this.#parts.dataPath.restarts;
  }

  /** Undefined while it does not run. */
  counters(): DataPathCounters | undefined {
    return this.#isRunning ? this.#parts.dataPath.counters() : undefined;
  }

  problems(): Problem[] {
    const failure = this.#startFailure;
    if (failure !== undefined) {
      const subject = `device ${TUN_DEVICE}`;
      const reason = `nobody takes its packets: ${failure.message}`;
      const { hint } = failure;
      return [{ subject, reason, ...(hint && { hint }), severity: "error" }];
    }
    return this.#unservedEndpoints().map((endpoint) => ({
      subject: `${endpoint.encap} endpoint ${endpoint.localAddress}`,
      reason: `not served: ${endpoint.reason}`,
      severity: "error",
    }));
  }

  async #give(): Promise<void> {
    const plan = this.#parts.overlay.forwardingPlan;
    if (plan === undefined) {
      this.#startFailure = undefined;
      await this.stop();
      return;
    }
    if (!this.#isRunning && !(await this.#start())) return;
    this.#given = plan;
    this.#unserved = 0;
    await this.#replace(plan);
  }

  async #start(): Promise<boolean> {
    const { dataPath, log, onDue } = this.#parts;
    try {
      await dataPath.start();
    } catch (error) {
      this.#startFailure = CausewayError.from(error, "kernel", "the data path does not start");
      const delay = backoffDelay(++this.#failedStarts, START, 0.5);
      this.#notBefore = performance.now() + delay;
      this.#retryTimer = setTimeout(onDue, delay).unref();
      log.error({ reason: reasonOf(error) }, "the data path does not start");
      return false;
    }
    this.#isRunning = true;
    this.#startFailure = undefined;
    this.#failedStarts = 0;
    this.#watchTimer = setInterval(() => this.#tell(), WATCH).unref();
    return true;
  }

  async #replace(plan: ForwardingPlan): Promise<void> {
    clearTimeout(this.#retryTimer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    // A worker that comes late takes the plan then.
    try {
      await Promise.race([this.#parts.dataPath.replace(plan), late]);
    } catch (error) {
      this.#parts.log.error({ reason: reasonOf(error) }, "the data path does not take its plan");
    }
    clearTimeout(timer);
    if (plan !== this.#given || this.#unservedEndpoints().length === 0) {
      this.#tell();
      return;
    }
    const delay = backoffDelay(++this.#unserved, SERVE, 0.5);
    this.#retryTimer = setTimeout(() => {
      if (plan === this.#given) void this.#replace(plan);
    }, delay).unref();
  }

  #unservedEndpoints(): EndpointReport[] {
    return this.endpoints.filter(({ engine }) => engine === undefined);
  }

  /** Tells the log of what is not as it was when it was told last. */
  #tell(): void {
    const { endpoints, restarts } = this.#parts.dataPath;
    const served = endpoints.map(({ encap, localAddress, engine, reason }) => {
      const why = reason === undefined ? "" : ` (${reason})`;
      return `${encap} ${localAddress}: ${engine ?? "not served"}${why}`;
    });
    const now = `${served.join(", ")}; ${restarts.count} restarts`;
    if (now === this.#told) return;
    this.#told = now;
    const { count, lastReason } = restarts;
    if (count > 0) this.#parts.log.warn({ count, reason: lastReason }, "data worker restarted");
    this.#parts.log.info({ endpoints: served }, "data path");
  }
}

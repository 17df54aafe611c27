/** What an agent tells its log: each thing once, when it begins and when it ends. */
import type { Conflict, Problem } from "../../tunnels/desired/problem.ts";
import { describeRoute, objectName } from "../../tunnels/kernel/describe-op.ts";
import { CANCELLED, type OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import type { Route } from "../../tunnels/kernel/kernel-state.ts";
import type { KernelOps } from "../../tunnels/kernel/route-batch.ts";
import type { Repair } from "../../tunnels/reconcile/repair-log.ts";
import type { ChangeBatch } from "../datastore/datastore.ts";
import type { Logger } from "./log.ts";
import type { TakenOver } from "./status.ts";

/** Of one call, at most so many operations are named one by one. */
const NAMED = 5;
const KEPT_TAKEOVERS = 100;

export class AgentLog {
  readonly takenOver: TakenOver[] = [];
  readonly #log: Logger;
  #known = new Set<string>();
  #failing = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  took(batch: ChangeBatch, before: ChangeBatch | undefined): void {
    const { condition } = batch;
    if (condition.state !== (before?.condition.state ?? "starting")) {
      if (condition.state === "ok")
        this.#log.info({ revision: batch.revision }, "datastore in sync");
      else this.#log.warn({ state: condition.state, reason: condition.reason }, "datastore");
    }
    const old = new Set(before?.faults.map((fault) => `${fault.where} ${fault.reason}`));
    for (const fault of batch.faults) {
      if (old.has(`${fault.where} ${fault.reason}`)) continue;
      this.#log.warn({ ...fault }, "refused in the datastore");
    }
  }

  applied(ops: KernelOps, failures: readonly OpFailure[]): void {
    const failed = new Set(failures.map(({ at }) => at));
    const done = ops.length - failed.size;
    for (let at = 0, named = 0; at < ops.length && named < NAMED; at++) {
      if (failed.has(at)) continue;
      const op = ops.at(at) as KernelOp;
      this.#log.info({ verb: op.verb, reason: op.reason }, objectName(op));
      named++;
    }
    if (done > NAMED) this.#log.info({ more: done - NAMED }, "and more operations");
    if (this.#failing.size > 0) this.#forgetFailing(ops, failed);
    const refused = failures.filter(({ code }) => code !== CANCELLED);
    for (const { op, code, message } of refused.slice(0, NAMED)) {
      const name = objectName(op);
      if (!this.#failing.has(name)) this.#log.warn({ verb: op.verb, code, reason: message }, name);
      if (this.#failing.size < 1_000) this.#failing.add(name);
    }
  }

  repaired(repair: Repair): void {
    const { what, found, others, milliseconds } = repair;
    const time = Math.round(milliseconds * 10) / 10;
    this.#log.warn({ found, others, milliseconds: time }, `repaired: ${what}`);
  }

  fought(op: KernelOp, found: string): void {
    this.#log.warn({ found }, `another program keeps undoing ${objectName(op)}; repairing slower`);
  }

  tookOver(foreign: Route, ours: Route): void {
    const entry: TakenOver = {
      destination: String(foreign.destination),
      foreign: describeRoute(foreign),
      ours: describeRoute(ours),
      at: Date.now(),
    };
    this.#log.warn({ ...entry }, "took over a foreign route");
    this.takenOver.push(entry);
    if (this.takenOver.length > KEPT_TAKEOVERS) this.takenOver.shift();
  }

  found(problems: readonly Problem[], conflicts: readonly Conflict[]): void {
    const now = new Set<string>();
    for (const { severity, subject, reason, hint } of problems) {
      const key = `${subject}: ${reason}`;
      now.add(key);
      if (this.#known.has(key)) continue;
      const level = severity === "note" ? "info" : "warn";
      this.#log[level]({ reason, ...(hint === undefined ? {} : { hint }) }, subject);
    }
    for (const conflict of conflicts) {
      const key = `${conflict.kind} ${conflict.value} ${conflict.winner} ${conflict.losers.join()}`;
      now.add(key);
      if (!this.#known.has(key)) this.#log.warn({ ...conflict }, "conflict");
    }
    this.#known = now;
  }

  #forgetFailing(ops: KernelOps, failed: ReadonlySet<number>): void {
    let at = 0;
    for (const op of ops) if (!failed.has(at++)) this.#failing.delete(objectName(op));
  }
}

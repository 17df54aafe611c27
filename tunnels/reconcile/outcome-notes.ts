/**
 * What operations did, noted in our picture of the kernel; and what else follows from them: objects
 * that came or went along, keys that have to be planned again, scopes that have to be read again.
 */
import { applyToState } from "../kernel/apply-to-state.ts";
import type { OpFailure } from "../kernel/kernel.ts";
import type { KernelOp, RouteOp } from "../kernel/kernel-op.ts";
import { type KernelState, ROUTE_PROTOCOL, type Route } from "../kernel/kernel-state.ts";
import type { PathTable } from "../kernel/path-table.ts";
import { type KernelOps, RouteBatch } from "../kernel/route-batch.ts";
import type { Dirty } from "./dirty.ts";
import type { KernelHints } from "./kernel-hints.ts";
import { markCascade } from "./link-cascade.ts";
import type { ForeignRoutes } from "./plan-input.ts";
import { ALL_SCOPES } from "./read-back.ts";

export interface NoteInputs {
  readonly desired: KernelState;
  readonly actual: KernelState;
  readonly foreign: ForeignRoutes;
  readonly paths: PathTable;
  readonly dirty: Dirty;
  /** Keys that wait for a device or a nexthop. */
  readonly waiting: Dirty;
  readonly hints: KernelHints;
  /** A foreign route stood at a destination of ours and was replaced. */
  readonly onTakeOver: ((foreign: Route, ours: Route) => void) | undefined;
}

/** What a refusal means whose object is not there, or there already. */
const DOUBTFUL: ReadonlySet<string> = new Set(["EEXIST", "ENOENT", "ESRCH", "ENODEV"]);

export class OutcomeNotes {
  readonly #inputs: NoteInputs;

  constructor(inputs: NoteInputs) {
    this.#inputs = inputs;
  }

  /**
   * Notes all of `ops` but those at the positions in `failed`. What went along with them is marked in
   * `pass`, the marks that are being worked off, for its later stages.
   */
  succeeded(ops: KernelOps, failed: ReadonlySet<number>, pass: Dirty): void {
    if (ops instanceof RouteBatch && ops.reason !== "foreign") {
      this.#noteRoutes(ops, failed);
      return;
    }
    const done = [...ops].filter((_, at) => !failed.has(at));
    // The foreign route of a deletion was never in our picture; ours is, at the same destination.
    const ours = done.filter(({ verb, reason }) => verb !== "delete" || reason !== "foreign");
    applyToState(this.#inputs.actual, ours, this.#inputs.paths);
    for (const op of done) this.#followUp(op, pass);
  }

  /** True for a refusal that says the kernel is not as we think: then it is read again. */
  failed({ op, code }: OpFailure): boolean {
    const { hints } = this.#inputs;
    if (code === "ENOBUFS") hints.ask(...ALL_SCOPES);
    if (!DOUBTFUL.has(code)) return false;
    if (op.kind !== "route") hints.ask(op.kind);
    else hints.ask(op.object.destination.family === 4 ? "routes4" : "routes6");
    return true;
  }

  #noteRoutes(batch: RouteBatch, failed: ReadonlySet<number>): void {
    const table = this.#inputs.actual.routes[batch.family];
    for (let at = 0; at < batch.length; at++) {
      if (failed.size > 0 && failed.has(at)) continue;
      const [w0, w1] = [batch.wordOf(at, 0), batch.wordOf(at, 1)];
      const [w2, w3] = [batch.wordOf(at, 2), batch.wordOf(at, 3)];
      const length = batch.lengthOf(at);
      if (batch.verb !== "delete") table.set(w0, w1, w2, w3, length, batch.pathOf(at));
      else table.removeRow(table.find(w0, w1, w2, w3, length));
    }
  }

  #followUp(op: KernelOp, pass: Dirty): void {
    const { desired, paths, waiting, dirty, hints } = this.#inputs;
    if (op.kind === "route" && op.reason === "foreign") this.#noteTakeOver(op);
    if ((op.kind === "link" || op.kind === "nexthop") && op.verb !== "delete") {
      dirty.absorb(waiting);
    }
    if (op.kind !== "link") return;
    // The device as the kernel made it: its ifindex, and addresses nobody asked for.
    hints.ask("link", "address");
    markCascade(op, desired, paths, pass);
    if (op.verb === "replace" && op.actual?.up === false) hints.ask(...ALL_SCOPES);
  }

  #noteTakeOver({ object }: RouteOp): void {
    const { foreign, desired, paths, hints, onTakeOver } = this.#inputs;
    const { destination } = object;
    const { family } = destination;
    const row = foreign[family].findCidr(destination);
    if (row < 0) return;
    const path = paths.get(foreign[family].pathOf(row));
    foreign[family].removeRow(row);
    if (path.protocol === ROUTE_PROTOCOL) {
      // Asked to delete an IPv6 route by its gateway, the kernel takes one with a nexthop object
      // and the same protocol for it (ip6_route_del in net/ipv6/route.c): which one went is to be seen.
      hints.ask(family === 4 ? "routes4" : "routes6");
      return;
    }
    const want = desired.routes[family].get(destination);
    if (want < 0) return;
    onTakeOver?.({ destination, path }, { destination, path: paths.get(want) });
  }
}

/** What was mended because somebody else had changed it. */
import { objectName } from "../kernel/describe-op.ts";
import type { KernelOp } from "../kernel/kernel-op.ts";
import { ROUTE_PROTOCOL } from "../kernel/kernel-state.ts";

export interface Repair {
  /** `route 10.244.1.0/26`; with `others` more of the same pass. */
  readonly what: string;
  readonly found: "deleted" | "changed" | "added" | "taken over";
  /** Number of further objects mended in the same pass, for example all that was on a device. */
  readonly others: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** From the first hint of it to the kernel's last ack. */
  readonly milliseconds: number;
}

const KEPT = 100;

/** What was found in place of the object, as the reason of its operation tells. */
export function foundState(op: KernelOp): Repair["found"] {
  switch (op.reason) {
    case "missing":
      return "deleted";
    case "different":
      return "changed";
    case "unwanted":
      return "added";
    case "foreign":
      return isOfOurs(op) ? "added" : "taken over";
  }
}

/** A second route with our protocol at one destination. */
function isOfOurs(op: KernelOp): boolean {
  return op.kind === "route" && op.verb === "delete" && op.object.path.protocol === ROUTE_PROTOCOL;
}

/** So many repairs of one pass are kept one by one, to look for fights among them. */
const KEPT_OPS = 256;

/** The operations of one pass that mended drift: how many, and the first of them. */
export class MendedOps {
  readonly first: KernelOp[] = [];
  count = 0;

  add(op: KernelOp): void {
    this.count++;
    if (this.first.length < KEPT_OPS) this.first.push(op);
  }
}

/** The last repairs in full, all of them as a number. */
export class RepairLog {
  readonly #kept: Repair[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** @param mended what one pass mended, in order; the first operation names it. */
  record(mended: MendedOps, at: number, milliseconds: number): Repair | undefined {
    // A device made again is two operations; the second tells it better.
    const first = mended.first.find((op) => op.verb !== "delete") ?? mended.first[0];
    if (first === undefined) return undefined;
    const repair: Repair = {
      what: objectName(first),
      found: foundState(first),
      others: mended.count - 1,
      at,
      milliseconds,
    };
    this.#count += mended.count;
    this.#kept.push(repair);
    if (this.#kept.length > KEPT) this.#kept.shift();
    return repair;
  }

  list(): readonly Repair[] {
    return this.#kept;
  }
}

/** What the calculation could not do, said so that an operator can mend it. */

/** Something wanted that cannot be programmed, or a setting that cannot be met. */
export interface Problem {
  /** What it is about: `block 10.244.1.0/26`, `node birch`, `device vxlan.causeway`. */
  readonly subject: string;
  /** Why, in one line without a full stop. */
  readonly reason: string;
  /** What to do, in the imperative; absent where nothing is wrong, only worth knowing. */
  readonly hint?: string;
  /** `error`: traffic is missing. `warning`: it may be. `note`: as asked for, but not obvious. */
  readonly severity: "error" | "warning" | "note";
}

/** Two claims on one thing; exactly one is in force: between nodes the same one on every node. */
export interface Conflict {
  readonly kind:
    | "tunnel address"
    | "VTEP MAC"
    | "node address"
    | "block"
    | "address"
    | "VNI"
    | "UDP port"
    | "IP-in-IP endpoints";
  /** The thing itself: an address, a MAC, a CIDR. */
  readonly value: string;
  /** The name of a node, or "device" and the name of one. */
  readonly winner: string;
  readonly losers: readonly string[];
  /** Why the winner won: "first by name". */
  readonly rule: string;
  readonly hint: string;
}

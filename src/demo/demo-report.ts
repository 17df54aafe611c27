/** What a run of the demo found: the answer of `causeway demo --json`. */
import type { PathTaken } from "./pairs.ts";
import type { PathProbe } from "./probe.ts";

export interface PairReport {
  readonly pool: string;
  readonly family: 4 | 6;
  readonly from: string;
  readonly to: string;
  readonly source: string;
  readonly target: string;
  readonly wanted: PathTaken;
  readonly taken: PathTaken;
  /** The largest packet that should pass. */
  readonly mtu: number;
  readonly probe: PathProbe;
}

export interface DemoCheck {
  readonly ok: boolean;
  readonly text: string;
  /** More about a failure, a line each. */
  readonly details: readonly string[];
}

export interface SyncReport {
  /** From the start of the first agent to the last one in sync. */
  readonly milliseconds: number;
  readonly agents: number;
  /** In the kernel of each node. */
  readonly nodes: readonly {
    readonly name: string;
    readonly routes: number;
    readonly neighbours: number;
    readonly fdb: number;
  }[];
}

export interface DemoReport {
  readonly kernel: { readonly release: string; readonly ipip: boolean; readonly ipv6: boolean };
  readonly sync: SyncReport;
  readonly pairs: readonly PairReport[];
  readonly checks: readonly DemoCheck[];
  readonly ok: boolean;
}

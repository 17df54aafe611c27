/** What the processes of the simulation say to each other. Times are of the wall clock, in milliseconds. */

/** What arrived at the server in one slot of time. */
export interface Counted {
  readonly at: number;
  connections: number;
  lists: number;
  watches: number;
}

/** One agent. */
export interface Followed {
  isOk: boolean;
  lostAt: number;
  backAt: number;
  /** Records of nodes in force. */
  nodes: number;
}

export type ToServer =
  | { readonly what: "restart"; readonly away: number; readonly forgets: boolean }
  | { readonly what: "report" };

export type FromServer =
  | { readonly what: "listening"; readonly url: string; readonly ca: string }
  | { readonly what: "back"; readonly at: number }
  | { readonly what: "counted"; readonly slots: readonly Counted[]; readonly longestStall: number };

export type ToAgents =
  | {
      readonly what: "start";
      readonly agents: number;
      readonly url: string;
      readonly ca: string;
    }
  | { readonly what: "count" }
  | { readonly what: "report" };

export type FromAgents =
  /** Agents that are in sync now. */
  | { readonly what: "count"; readonly inSync: number }
  | { readonly what: "followed"; readonly agents: readonly Followed[] };

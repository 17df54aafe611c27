/** What the control plane and the process of the plain engine say to each other. */
import type { SharedEndpoint, SharedPlan } from "../worker/shared-plan.ts";

/** A plan as it goes to another process: its tables as bytes. */
export interface PlainPlan {
  readonly revision: number;
  readonly remotesRevision: number;
  readonly remotes: Uint8Array;
  readonly prefixes: Uint8Array;
  readonly endpoints: readonly PlainEndpoint[];
}

export type PlainEndpoint = Omit<SharedEndpoint, "peers" | "sockets"> & {
  readonly peers: Uint8Array;
};

export type PlainReply =
  /** Goes by the plan of this revision; why each of its endpoints is not served. */
  | {
      readonly kind: "adopted";
      readonly revision: number;
      readonly failures: readonly (string | undefined)[];
    }
  /** Since the process began; comes before `adopted`, and now and then. */
  | { readonly kind: "counters"; readonly counters: Float64Array }
  /** The last that is heard of it. */
  | { readonly kind: "died"; readonly reason: string };

export function packPlan(plan: SharedPlan): PlainPlan {
  const { revision, remotesRevision, remotes, prefixes } = plan;
  const endpoints = plan.endpoints.map(({ sockets: _, ...endpoint }) => ({
    ...endpoint,
    peers: copyOf(endpoint.peers),
  }));
  const tables = { remotes: copyOf(remotes), prefixes: copyOf(prefixes) };
  return { revision, remotesRevision, ...tables, endpoints };
}

/** The endpoints have no sockets yet. */
export function unpackPlan(plan: PlainPlan): SharedPlan {
  return {
    ...plan,
    remotes: bufferOf(plan.remotes),
    prefixes: bufferOf(plan.prefixes),
    endpoints: plan.endpoints.map((endpoint) => ({
      ...endpoint,
      peers: bufferOf(endpoint.peers),
      sockets: { receive: [], errors: -1, send: [], canSegment: false },
    })),
  };
}

function copyOf(buffer: ArrayBufferLike): Uint8Array {
  return new Uint8Array(buffer).slice();
}

/** A buffer with nothing but these bytes. */
function bufferOf(bytes: Uint8Array): ArrayBufferLike {
  return bytes.slice().buffer;
}

/** What the main thread and the netlink worker say to each other. Buffers are shared. */
import type { RequestFailure } from "./netlink-error.ts";

export interface WorkerStart {
  /** Path of a network namespace ("/run/netns/NAME"); undefined for the process's own. */
  readonly netns: string | undefined;
  /** Memory of a PieceRing. */
  readonly ring: SharedArrayBuffer;
}

export type WorkerRequest =
  | {
      readonly kind: "write";
      readonly id: number;
      /** Shared: the sender leaves it alone until the reply. */
      readonly buffer: ArrayBufferLike;
      /** Where each send ends, in bytes; the last message before it asks for an ack. */
      readonly sends: readonly number[];
      /** Number of the chain that it belongs to: after a failure in one no more of it is sent. */
      readonly chain: number | undefined;
    }
  | {
      readonly kind: "read";
      readonly id: number;
      /** One request message, with its sequence number. */
      readonly request: Uint8Array;
    }
  /** As "read", but only the fingerprint of the answer is wanted. */
  | { readonly kind: "fingerprint"; readonly id: number; readonly request: Uint8Array }
  | { readonly kind: "read-sysctls"; readonly id: number; readonly names: readonly string[] }
  | {
      readonly kind: "write-sysctl";
      readonly id: number;
      readonly name: string;
      readonly value: string;
    }
  | { readonly kind: "make-tun"; readonly id: number; readonly name: string }
  | { readonly kind: "close"; readonly id: number };

export type WorkerReply =
  /** The worker is ready. */
  | { readonly kind: "ready"; readonly id: 0; readonly writePortId: number }
  | {
      readonly kind: "written";
      readonly id: number;
      readonly failures: readonly RequestFailure[];
      /** Its chain was broken before, so nothing was sent. */
      readonly isCancelled: boolean;
      /** Milliseconds since the epoch, with fractions: before the first send, after the last ack. */
      readonly startedAt: number;
      readonly endedAt: number;
    }
  /** A piece of the answer to "read", in the ring: whole messages; more pieces may follow. */
  | {
      readonly kind: "piece";
      readonly id: number;
      readonly index: number;
      readonly length: number;
    }
  | {
      readonly kind: "read";
      readonly id: number;
      /** NLM_F_DUMP_INTR: the objects changed during the dump. */
      readonly interrupted: boolean;
      readonly failure: RequestFailure | undefined;
    }
  | {
      readonly kind: "fingerprint";
      readonly id: number;
      readonly interrupted: boolean;
      readonly failure: RequestFailure | undefined;
      readonly fingerprint: string;
    }
  | {
      readonly kind: "sysctls";
      readonly id: number;
      readonly values: readonly (readonly [string, string])[];
    }
  | { readonly kind: "done"; readonly id: number }
  /** The request could not be carried out at all. */
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: string | undefined;
      readonly message: string;
    };

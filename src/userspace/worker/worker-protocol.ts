/** What the control plane and a data worker say to each other. */
import type { MessagePort } from "node:worker_threads";
import type { SharedPlan } from "./shared-plan.ts";

/** What the TUN device can do here. */
export interface TunAbilities {
  /** A virtio header goes with each packet, so that it may be a super-packet of TCP. */
  readonly offloads: boolean;
  /** The kernel takes and hands over super-packets of UDP too (Linux 6.2). */
  readonly udpOffloads: boolean;
}

export interface WorkerStart {
  /** Path of a network namespace ("/run/netns/NAME"); undefined for the process's own. */
  readonly netns: string | undefined;
  /** Of the TUN device, and of an eventfd that tells of a new `Mailbox` number. */
  readonly tunFd: number;
  readonly wakeFd: number;
  readonly abilities: TunAbilities;
  /** Memory of `makeCounters`. */
  readonly counters: SharedArrayBuffer;
  /** One int that goes up with every message on `port`. */
  readonly mailbox: SharedArrayBuffer;
  readonly port: MessagePort;
}

export type WorkerRequest =
  | { readonly kind: "plan"; readonly plan: SharedPlan }
  | { readonly kind: "stop" };

export type WorkerReply =
  /** Every packet from now on goes by the plan of this revision. */
  | { readonly kind: "adopted"; readonly revision: number }
  /** UDP_SEGMENT does not work on the way from this endpoint of the plan; packets go one by one. */
  | { readonly kind: "cannot-segment"; readonly endpoint: number };

/** Counts that one worker writes and the control plane reads, in memory that both see. */
import { DROP_REASONS, DropReason } from "../../../encap/drop-reason.ts";
import type { DataPathCounters } from "../data-path.ts";

/** The slot of a drop reason is the reason itself, as `countDrop` has it; these come behind. */
const SENT_PACKETS: number = DROP_REASONS;
const SENT_BYTES: number = SENT_PACKETS + 1;
const RECEIVED_PACKETS: number = SENT_PACKETS + 2;
const RECEIVED_BYTES: number = SENT_PACKETS + 3;
const SLOTS: number = SENT_PACKETS + 4;

export function makeCounters(): Float64Array {
  return new Float64Array(new SharedArrayBuffer(SLOTS * Float64Array.BYTES_PER_ELEMENT));
}

export function countSent(counters: Float64Array, packets: number, bytes: number): void {
  counters[SENT_PACKETS] = (counters[SENT_PACKETS] as number) + packets;
  counters[SENT_BYTES] = (counters[SENT_BYTES] as number) + bytes;
}

export function countReceived(counters: Float64Array, packets: number, bytes: number): void {
  counters[RECEIVED_PACKETS] = (counters[RECEIVED_PACKETS] as number) + packets;
  counters[RECEIVED_BYTES] = (counters[RECEIVED_BYTES] as number) + bytes;
}

export function readCounters(counters: Float64Array): DataPathCounters {
  const drops = new Map<DropReason, number>();
  for (const reason of Object.values(DropReason)) {
    const packets = counters[reason] ?? 0;
    if (packets > 0) drops.set(reason, packets);
  }
  const slot = (index: number): number => counters[index] ?? 0;
  return {
    sent: { packets: slot(SENT_PACKETS), bytes: slot(SENT_BYTES) },
    received: { packets: slot(RECEIVED_PACKETS), bytes: slot(RECEIVED_BYTES) },
    drops,
  };
}

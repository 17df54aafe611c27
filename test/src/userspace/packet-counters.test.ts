import { expect, test } from "vitest";
import { countDrop, DropReason } from "../../../encap/drop-reason.ts";
import {
  countReceived,
  countSent,
  makeCounters,
  readCounters,
} from "../../../src/userspace/worker/packet-counters.ts";

test("readCounters tells what was counted, by direction and by reason", () => {
  const counters = makeCounters();
  countSent(counters, 3, 300);
  countSent(counters, 1, 50);
  countReceived(counters, 2, 2 ** 40);
  countDrop(counters, DropReason.NoRemote, 7);
  expect(readCounters(counters)).toEqual({
    sent: { packets: 4, bytes: 350 },
    received: { packets: 2, bytes: 2 ** 40 },
    drops: new Map([[DropReason.NoRemote, 7]]),
  });
});

test("counters that nobody counted with are zero", () => {
  expect(readCounters(makeCounters())).toEqual({
    sent: { packets: 0, bytes: 0 },
    received: { packets: 0, bytes: 0 },
    drops: new Map(),
  });
});

import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { LoopWatch } from "../../../src/observe/loop-watch.ts";

function holdUp(milliseconds: number): void {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
}

test("LoopWatch sees what holds the loop up, from its first moment on", async () => {
  const watch = new LoopWatch();
  expect(watch.longestStall).toBe(0);
  holdUp(50);
  await sleep(20);
  // One period is no stall.
  expect(watch.longestStall).toBeGreaterThanOrEqual(45);
});

test("LoopWatch keeps the longest", async () => {
  const watch = new LoopWatch();
  holdUp(80);
  await sleep(20);
  const first = watch.longestStall;
  holdUp(10);
  await sleep(20);
  expect(watch.longestStall).toBeGreaterThanOrEqual(first);
});

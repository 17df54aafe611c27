import { expect, test } from "vitest";
import { Recovery, retryDelay } from "../../../../src/datastore/kubernetes/recovery.ts";

const timings = { firstWindow: 200, lastWindow: 800, steady: 60_000 };
const never = (): AbortSignal => new AbortController().signal;

/** Milliseconds until `admit` lets through. */
async function wait(recovery: Recovery): Promise<number> {
  const begun = performance.now();
  await recovery.admit(never());
  return performance.now() - begun;
}

test("Recovery lets everything through while the server is there", async () => {
  const recovery = new Recovery(timings);
  await Promise.all(Array.from({ length: 10 }, () => recovery.admit(never())));
});

test("Recovery lets one try after a failure, and the others when that was answered", async () => {
  const recovery = new Recovery({ ...timings, firstWindow: 20 });
  recovery.failed(await recovery.admit(never()));
  let through = 0;
  const all = Array.from({ length: 4 }, async () => {
    await recovery.admit(never());
    through++;
  });
  await expect.poll(() => through, { timeout: 10_000 }).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(through).toBe(1);
  recovery.answered();
  await Promise.all(all);
  expect(through).toBe(4);
});

test("Recovery takes failures of one outage for one", async () => {
  const recovery = new Recovery({ ...timings, firstWindow: 10, lastWindow: 60_000 });
  const epoch = await recovery.admit(never());
  for (let at = 0; at < 50; at++) recovery.failed(epoch);
  // Fifty failures in a row would be waited for until tomorrow.
  await recovery.admit(never());
});

test.each([
  [0, 200],
  [1, 400],
  [2, 800],
  [9, 800],
])(
  "retryDelay spreads agents over a window that grows to its last size: %i",
  (failures, window) => {
    expect(retryDelay(failures, timings, 0)).toBe(0);
    expect(retryDelay(failures, timings, 0.5)).toBe(window / 2);
    expect(retryDelay(failures, timings, 1)).toBe(window);
  },
);

test("Recovery waits at least as long as the server asks", async () => {
  const recovery = new Recovery({ ...timings, firstWindow: 1 });
  recovery.failed(await recovery.admit(never()), 150);
  expect(await wait(recovery)).toBeGreaterThan(140);
});

test("Recovery ends every wait for an operator, and for whoever stops", async () => {
  const recovery = new Recovery({ ...timings, firstWindow: 3_600_000, lastWindow: 3_600_000 });
  recovery.failed(await recovery.admit(never()));
  const stop = new AbortController();
  const stopped = recovery.admit(stop.signal);
  const waiting = recovery.admit(never());
  stop.abort();
  await stopped;
  recovery.hurry();
  await waiting;
});

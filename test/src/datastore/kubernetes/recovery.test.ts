import { expect, test } from "vitest";
import { Recovery } from "../../../../src/datastore/kubernetes/recovery.ts";

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

test("Recovery spreads many agents over its window", async () => {
  const waits = await Promise.all(
    Array.from({ length: 400 }, async () => {
      const recovery = new Recovery(timings);
      recovery.failed(await recovery.admit(never()));
      return wait(recovery);
    }),
  );
  const early = waits.filter((one) => one < timings.firstWindow / 2).length;
  // Four hundred throws of a coin: outside of this once in a thousand million years of tests.
  expect(early).toBeGreaterThan(100);
  expect(early).toBeLessThan(300);
});

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

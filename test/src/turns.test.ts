import { describe, expect, test } from "vitest";
import { inTurns, Wakeup } from "../../src/turns.ts";

describe("inTurns", () => {
  test("runs a generator to its end and gives its value", async () => {
    const done: number[] = [];
    const value = await inTurns(
      (function* () {
        for (let at = 0; at < 3; at++) {
          done.push(at);
          yield;
        }
        return "end";
      })(),
    );
    expect([value, done]).toEqual(["end", [0, 1, 2]]);
  });

  test("lets other work go on between long slices", async () => {
    let hasRun = false;
    setImmediate(() => {
      hasRun = true;
    });
    const seen: boolean[] = [];
    await inTurns(
      (function* () {
        for (let slice = 0; slice < 2; slice++) {
          for (const start = performance.now(); performance.now() - start < 20; );
          seen.push(hasRun);
          yield;
        }
      })(),
    );
    expect(seen).toEqual([false, true]);
  });

  test("fails as the generator fails", async () => {
    const work = (function* (): Generator<void, void> {
      yield;
      throw new RangeError("no");
    })();
    await expect(inTurns(work)).rejects.toThrow(RangeError);
  });
});

describe("Wakeup", () => {
  const FOR_EVER = Number.POSITIVE_INFINITY;

  test("that is set ends the next wait at once, several times as once", async () => {
    const wakeup = new Wakeup();
    wakeup.set();
    wakeup.set();
    await wakeup.wait(FOR_EVER);
    let isOver = false;
    const second = wakeup.wait(FOR_EVER).then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    wakeup.set();
    await second;
  });

  test("that is set during a wait ends it", async () => {
    const wakeup = new Wakeup();
    const wait = wakeup.wait(FOR_EVER);
    wakeup.set();
    await wait;
  });

  test("ends a wait when its time is over, and starts the next one afresh", async () => {
    const wakeup = new Wakeup();
    await wakeup.wait(1);
    await wakeup.wait(0);
    const wait = wakeup.wait(FOR_EVER);
    wakeup.set();
    await wait;
    await wakeup.wait(1);
  });
});

import { expect, test } from "vitest";
import { buildRemoteTable } from "../../../encap/build-remote-table.ts";
import { LivePlan } from "../../../src/userspace/worker/live-plan.ts";
import { PathMtus } from "../../../src/userspace/worker/path-mtus.ts";
import { REMOTE_WORDS } from "../../../src/userspace/worker/shared-plan.ts";

function planWith(remotes: number, remotesRevision: number): LivePlan {
  return new LivePlan({
    revision: remotesRevision,
    endpoints: [],
    remotes: new SharedArrayBuffer(remotes * REMOTE_WORDS * 4),
    remotesRevision,
    prefixes: buildRemoteTable([]).buffer,
  });
}

test("a path is as wide as usual until it is known to be narrower", () => {
  const mtus = new PathMtus();
  mtus.adopt(planWith(3, 1));
  expect(mtus.mtuOf(1, 1450)).toBe(1450);
  mtus.learn(1, 1250);
  expect([0, 1, 2].map((remote) => mtus.mtuOf(remote, 1450))).toEqual([1450, 1250, 1450]);
});

test("what was learnt is never more than usual", () => {
  const mtus = new PathMtus();
  mtus.adopt(planWith(1, 1));
  mtus.learn(0, 8950);
  expect(mtus.mtuOf(0, 1450)).toBe(1450);
});

test("what was learnt lasts as long as the remotes are the same", () => {
  const mtus = new PathMtus();
  mtus.adopt(planWith(2, 1));
  mtus.learn(0, 1250);
  mtus.adopt(planWith(2, 1));
  expect(mtus.mtuOf(0, 1450)).toBe(1250);
  mtus.adopt(planWith(2, 2));
  expect(mtus.mtuOf(0, 1450)).toBe(1450);
});

// What goes along with a device is put back in the pass that changed the device.

import { setImmediate as nextTurn } from "node:timers/promises";
import { beforeEach, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { parseMac } from "../../../encap/address/mac-address.ts";
import { applyToState, emptyKernelState } from "../../../tunnels/kernel/apply-to-state.ts";
import type { KernelOp } from "../../../tunnels/kernel/kernel-op.ts";
import type { KernelState, Link } from "../../../tunnels/kernel/kernel-state.ts";
import { CAUSE } from "../../../tunnels/reconcile/dirty.ts";
import { Reconciler } from "../../../tunnels/reconcile/reconciler.ts";
import {
  addressOp,
  fdbOp,
  LINK,
  linkOp,
  neighbourOp,
  nexthopOp,
  PARENT,
  pathOf,
  routeOp,
  VXLAN_PARAMETERS,
  viaGateway,
} from "../../conformance/kernel-lab.ts";
import { FakeKernel } from "../../support/fake-kernel.ts";

let kernel: FakeKernel;
let desired: KernelState;
let reconciler: Reconciler;

beforeEach(async () => {
  kernel = new FakeKernel();
  kernel.external.addLink({ ...LINK, name: PARENT, kind: undefined, tunnel: undefined, mtu: 1500 });
  kernel.external.setAddress({
    device: PARENT,
    ip: parseIp("10.0.0.1"),
    prefixLength: 24,
    scope: "global",
  });
  desired = emptyKernelState();
  for (const op of [
    linkOp("add", LINK),
    addressOp("add", "10.1.0.0"),
    fdbOp("replace", "10.0.0.2"),
    neighbourOp("replace", "10.1.0.64"),
    nexthopOp("add", 7, "10.1.0.64"),
    routeOp("add", "10.2.0.0/26", pathOf(4, { nexthopId: 7 })),
    routeOp("add", "10.2.0.64/26", viaGateway("10.1.0.64")),
  ]) {
    applyToState(desired, [op], kernel.paths);
  }
  let time = 0;
  reconciler = new Reconciler({
    kernel,
    desired,
    now: () => ++time,
    wallClock: () => ++time,
    random: () => 0,
    takesOver: () => true,
  });
  await kernel.watch((change) => void reconciler.observe(change));
  reconciler.readAgain();
  reconciler.dirty.markAll(CAUSE.want);
  await untilIdle();
  expect(verbs()).toContain("add route");
  kernel.applied.length = 0;
});

async function untilIdle(): Promise<void> {
  do {
    await nextTurn(); // The fake kernel's events come then.
    await reconciler.read();
    await reconciler.apply();
  } while (!reconciler.isIdle);
}

function want(link: Link): void {
  desired.links.set(link.name, link);
  reconciler.dirty.mark("link", link.name, CAUSE.want);
}

const verbs = (): string[] => kernel.applied.map(({ verb, kind }: KernelOp) => `${verb} ${kind}`);

test("a device made again has all that was on it after the same pass", async () => {
  want({ ...LINK, tunnel: { ...VXLAN_PARAMETERS, vni: 4097 } });
  await reconciler.apply();
  expect(verbs()).toEqual([
    "delete route",
    "delete route",
    "delete link",
    "add link",
    "add address",
    "replace fdb",
    "replace neighbour",
    "add nexthop",
    "add route",
    "add route",
  ]);
  await untilIdle();
  expect(kernel.applied).toHaveLength(10);
  expect(reconciler.repairs.count).toBe(0);
});

test("a device with a new MAC has its neighbours after the same pass", async () => {
  want({ ...LINK, mac: parseMac("66:00:00:00:00:09") });
  await reconciler.apply();
  expect(verbs()).toEqual(["replace link", "replace neighbour"]);
  await untilIdle();
  expect(kernel.applied).toHaveLength(2);
  expect(reconciler.repairs.count).toBe(0);
});

test("a device that another program made anew is one repair, with all that was on it", async () => {
  kernel.external.deleteLink(LINK.name);
  await untilIdle();
  expect(reconciler.repairs.list()).toMatchObject([
    { what: "device vxlan.causeway", found: "deleted", others: 6 },
  ]);
});

// NetlinkKernel on a kernel that has ipip, and is older than the machine's (6.1): what the conformance cases cannot
// show where there is no ipip.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { parseIp } from "../../encap/address/ip-address.ts";
import { NetlinkKernel } from "../../src/netlink/netlink-kernel.ts";
import type { IpipParameters, Link } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields, linkChange } from "../../tunnels/kernel/link-change.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import {
  addressOp,
  applyAll,
  fdbOp,
  LINK,
  linkOp,
  neighbourOp,
  nexthopOp,
  pathOf,
  routeOp,
  VXLAN,
  viaGateway,
} from "../conformance/kernel-lab.ts";
import type { Scenario } from "../support/uml-scenario.ts";

const NETNS = "cwnl-guest";

const IPIP: IpipParameters = {
  kind: "ipip",
  local: parseIp("10.0.0.1"),
  remote: undefined,
  parent: "under0",
  ttl: 0,
  tos: 0,
  protocol: 4,
  pmtuDiscovery: true,
  external: false,
};
const IPIP_LINK: Link = {
  ...LINK,
  name: "ipip.causeway",
  kind: "ipip",
  mac: undefined,
  mtu: 1480,
  tunnel: IPIP,
};

export const netlinkKernelScenarios: readonly Scenario[] = [
  {
    name: "makes an ipip device, changes it in place and knows what it cannot change",
    run: () =>
      withKernel(async (kernel) => {
        assert.equal(kernel.features.ipip, "");
        await applyAll(kernel, [linkOp("add", IPIP_LINK)]);
        let actual = await readLink(kernel, IPIP_LINK);
        const changes: Partial<IpipParameters>[] = [
          { local: parseIp("10.0.0.7") },
          { ttl: 64 },
          { tos: 8 },
          { pmtuDiscovery: false, ttl: 0 },
          { parent: "under1" },
          { parent: undefined },
        ];
        for (const change of changes) {
          const link = { ...IPIP_LINK, mtu: actual.mtu - 1, tunnel: { ...IPIP, ...change } };
          assert.equal(linkChange(actual, link), "in-place");
          await applyAll(kernel, [linkOp("replace", link, actual)]);
          actual = await readLink(kernel, link);
        }
        const remote = { ...IPIP_LINK, tunnel: { ...IPIP, remote: parseIp("10.0.0.9") } };
        assert.equal(linkChange(actual, remote), "recreate");
        assert.equal((await kernel.apply([linkOp("replace", remote, actual)]))[0]?.code, "EINVAL");
        await applyAll(kernel, [linkOp("delete", IPIP_LINK), linkOp("add", remote)]);
        await readLink(kernel, remote);
      }),
  },
  {
    name: "sets and reads back all kinds of objects",
    run: () =>
      withKernel(async (kernel) => {
        const route = routeOp("add", "10.2.0.0/26", pathOf(4, { nexthopId: 7, mtu: 1400 }));
        await applyAll(kernel, [
          linkOp("add", LINK),
          addressOp("add", "10.1.0.0"),
          fdbOp("replace", "10.0.0.2"),
          neighbourOp("replace", "10.1.0.64"),
          nexthopOp("add", 7, "10.1.0.64"),
          route,
          routeOp("add", "10.2.0.64/26", viaGateway("10.1.0.64")),
        ]);
        assert.equal((await kernel.readFdb([VXLAN])).size, 1);
        assert.equal((await kernel.readNeighbours([VXLAN])).size, 1);
        assert.equal((await kernel.readNexthops()).get(7)?.onlink, true);
        assert.equal(await countRoutes(kernel), 2);
        const changes: unknown[] = [];
        await kernel.watch((change) => changes.push(change));
        await applyAll(kernel, [{ ...route, verb: "delete" } as typeof route]);
        ip("route", "del", "10.2.0.64/26");
        await waitUntil(() => changes.length > 0);
        assert.equal(changes.length, 1);
        assert.equal(await countRoutes(kernel), 0);
      }),
  },
];

async function withKernel(action: (kernel: NetlinkKernel) => Promise<void>): Promise<void> {
  execFileSync("ip", ["netns", "add", NETNS]);
  try {
    ip("link", "set", "lo", "up");
    ip("link", "add", "under0", "type", "veth", "peer", "name", "under1");
    ip("link", "set", "under0", "up");
    ip("link", "set", "under1", "up");
    ip("address", "add", "10.0.0.1/24", "dev", "under0");
    const netns = `/run/netns/${NETNS}`;
    const kernel = await NetlinkKernel.open(new PathTable(), { netns });
    try {
      await action(kernel);
    } finally {
      await kernel.close();
    }
  } finally {
    execFileSync("ip", ["netns", "del", NETNS]);
  }
}

function ip(...words: string[]): void {
  execFileSync("ip", ["-n", NETNS, ...words]);
}

async function readLink(kernel: NetlinkKernel, wanted: Link): Promise<Link> {
  const link = (await kernel.readLinks()).get(wanted.name);
  assert.ok(link);
  assert.deepEqual(differingFields(link, wanted), []);
  return link;
}

async function countRoutes(kernel: NetlinkKernel): Promise<number> {
  let count = 0;
  await kernel.readRoutes(4, {
    owned: () => count++,
    wants: () => false,
    foreign: () => undefined,
  });
  return count;
}

async function waitUntil(isSo: () => boolean): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isSo() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
}

// What the guest's kernel must be able to do before anything else is worth a try there: plain `ip` commands.

import assert from "node:assert/strict";
import { ip, ipBatch } from "../../src/demo/ip-command.ts";
import { removeNamespaces } from "../../src/demo/namespace-removal.ts";
import { writeSysctls } from "../../src/demo/network-namespace.ts";
import { probePaths } from "../../src/demo/probe.ts";
import type { Scenario } from "../support/uml-scenario.ts";

const NODES = ["cwguest-a", "cwguest-b"] as const;

export const guestKernelScenarios: readonly Scenario[] = [
  {
    name: "carries packets between namespaces over ipip and a nexthop object",
    run: () =>
      betweenTwoNodes(
        (number) => `link add name tunnel type ipip local 192.0.2.${number}`,
        (other) => `nexthop add id 1 via 192.0.2.${other} dev tunnel onlink`,
        1480,
      ),
  },
  {
    name: "carries packets between namespaces over vxlan and a nexthop object",
    run: () =>
      betweenTwoNodes(
        (number) =>
          "link add name tunnel address 66:00:00:00:00:0" +
          `${number} type vxlan id 4096 local 192.0.2.${number} dev eth0 dstport 4789 nolearning`,
        (other) =>
          `neighbour add 10.0.${other}.0 lladdr 66:00:00:00:00:0${other} dev tunnel nud permanent\n` +
          `nexthop add id 1 via 10.0.${other}.0 dev tunnel onlink`,
        1450,
      ),
  },
];

async function betweenTwoNodes(
  tunnel: (number: number) => string,
  nexthop: (other: number) => string,
  largest: number,
): Promise<void> {
  try {
    await ipBatch(undefined, [
      ...NODES.map((name) => `netns add ${name}`),
      `link add name eth0 netns ${NODES[0]} type veth peer name eth0 netns ${NODES[1]}`,
    ]);
    for (const [index, namespace] of NODES.entries()) {
      const [number, other] = [index + 1, 2 - index];
      writeSysctls(namespace, { "ipv4/ip_forward": 1 });
      await ipBatch(namespace, [
        "link set eth0 up",
        `address add 192.0.2.${number}/24 dev eth0`,
        tunnel(number),
        "link set tunnel up",
        `address add 10.0.${number}.0/32 dev tunnel`,
        ...nexthop(other).split("\n"),
        `route add 10.0.${other}.0/24 nhid 1`,
      ]);
    }
    if (largest === 1450) {
      const fdb = (number: number): string =>
        `66:00:00:00:00:0${number} dev tunnel dst 192.0.2.${number} self permanent`;
      for (const [index, namespace] of NODES.entries()) {
        await ip("netns", "exec", namespace, "bridge", "fdb", "add", ...fdb(2 - index).split(" "));
      }
    }
    const path = { namespace: NODES[0], source: "10.0.1.0", target: "10.0.2.0" };
    const [probe] = await probePaths([path], 1500);
    assert.equal(probe?.reason, undefined);
    assert.equal(probe?.largest, largest);
  } finally {
    removeNamespaces(NODES);
  }
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { findUnderlay } from "../../../tunnels/desired/underlay.ts";
import type { Address, Link } from "../../../tunnels/kernel/kernel-state.ts";
import type { Node } from "../../../tunnels/model/node.ts";
import { parseObject } from "../../support/state-lines.ts";
import { NodeView } from "./node-view.ts";
import { resource, twin } from "./notation.ts";

describe.each([4, 6] as const)("findUnderlay, IPv%i", (family) => {
  const say = (line: string): string => twin(family, line);
  const ALDER = resource(say("node alder 192.0.2.1/24")) as Node;

  function find(lines: readonly string[], node: Node | undefined = ALDER) {
    const links = new Map<string, Link>();
    const addresses = new Map<string, Address>();
    for (const line of lines) {
      const { kind, object } = parseObject(say(line));
      const running = !line.includes("no-carrier");
      if (kind === "link") links.set(object.name, { ...object, running, ifindex: links.size + 1 });
      else if (kind === "address") addresses.set(line, object);
    }
    return findUnderlay(links, addresses, node)[family];
  }

  const device = (lines: readonly string[]): string | undefined => find(lines).device;
  const reason = (lines: readonly string[], node?: Node): string | undefined => {
    const found = find(lines, node);
    return found.device === undefined ? found.reason : undefined;
  };

  test("takes the link that holds the node address, with its MTU and the length there", () => {
    const found = find([
      "link eth0 mtu 1500",
      "link eth1 mtu 9000",
      "address 198.51.100.1/24 dev eth0",
      "address 192.0.2.1/26 dev eth1",
    ]);
    expect(found).toMatchObject({
      device: "eth1",
      mtu: 9000,
      prefixLength: family === 4 ? 26 : 122,
    });
  });

  test.each([
    ["one that is up", ["link eth0 down mtu 1500", "link eth1 mtu 1500"]],
    ["one that has carrier", ["link eth0 mtu 1500 no-carrier", "link eth1 mtu 1500"]],
    ["one that is no loopback", ["link lo mtu 65536", "link eth1 mtu 1500"]],
  ])("of several that hold it prefers %s", (_, links) => {
    const holders = links.map((line) => `address 192.0.2.1/24 dev ${line.split(" ")[1]}`);
    expect(device([...links, ...holders])).toBe("eth1");
  });

  test("of several alike takes the older one", () => {
    const lines = ["eth1", "eth0"].flatMap((name) => [
      `link ${name} mtu 1500`,
      `address 192.0.2.1/24 dev ${name}`,
    ]);
    expect(device(lines)).toBe("eth1");
  });

  test("takes a link that is down if there is no other", () => {
    expect(device(["link eth0 down mtu 1500", "address 192.0.2.1/24 dev eth0"])).toBe("eth0");
  });

  test("never takes a device of ours", () => {
    const lines = ["link vxlan.causeway mtu 1450", "link ipip.causeway mtu 1480"];
    const holders = ["address 192.0.2.1/32 dev vxlan.causeway"];
    expect(reason([...lines, ...holders])).toBe(say("no link holds the node address 192.0.2.1"));
  });

  test("says what is missing", () => {
    expect(reason([])).toBe(say("no link holds the node address 192.0.2.1"));
    expect(reason(["link eth0 mtu 1500", "address 192.0.2.2/24 dev eth0"])).toBe(
      say("no link holds the node address 192.0.2.1"),
    );
    expect(reason(["link lo mtu 65536", "address 192.0.2.1/32 dev lo"])).toBe(
      say("only the loopback device holds the node address 192.0.2.1"),
    );
    const bare = resource("node alder") as Node;
    expect(reason([], bare)).toBe(`no IPv${family} node address`);
    const links = new Map<string, Link>();
    expect(findUnderlay(links, new Map(), undefined)[family]).toEqual({
      device: undefined,
      reason: `no IPv${family} node address`,
    });
  });

  test("keeps the parent of our device while no link holds the address", () => {
    const local = family === 4 ? "192.0.2.1" : say("192.0.2.1");
    const ours = `link ${family === 4 ? "vxlan" : "vxlan6"}.causeway local ${local} dev eth1`;
    expect(find(["link eth0 mtu 1500", "link eth1 mtu 1400", ours])).toMatchObject({
      device: "eth1",
      mtu: 1400,
      lost: say("no link holds the node address 192.0.2.1; what was made for it stays"),
    });
    const held = find([ours, "link eth0 mtu 1500", "address 192.0.2.1/24 dev eth0"]);
    expect(held).toMatchObject({ device: "eth0" });
    expect(held).not.toHaveProperty("lost");
  });

  test("keeps no parent that is gone, or was another address's", () => {
    const name = family === 4 ? "vxlan.causeway" : "vxlan6.causeway";
    for (const local of ["192.0.2.1 dev eth9", "192.0.2.2 dev eth0"]) {
      expect(reason(["link eth0 mtu 1500", say(`link ${name} local ${local}`)])).toBe(
        say("no link holds the node address 192.0.2.1"),
      );
    }
  });

  test("an address whose link is not known yet is none", () => {
    expect(reason(["address 192.0.2.1/24 dev eth9"])).toBe(
      say("no link holds the node address 192.0.2.1"),
    );
  });
});

test("what was found for another address than the record's present one does not count", () => {
  const view = new NodeView().change([
    "pool p 10.0.0.0/16 vxlan",
    "node alder 192.0.2.1/24 vxlan=10.0.0.1",
  ]);
  expect(view.wants("link")).toHaveLength(1);
  view.change(["node alder 192.0.2.9/24 vxlan=10.0.0.1"]);
  for (const walk = view.overlay.calculate(); !walk.next().done; );
  expect(view.printed()).toEqual([]);
  expect(view.problems()[0]).toBe("error IPv4 underlay: no link is known for 192.0.2.9");
});

test("findUnderlay does not depend on the order of links and addresses", () => {
  const names = ["eth0", "eth1", "eth2", "lo"];
  const links = names.map((name, at): [string, Link] => {
    const { object } = parseObject(`link ${name} ${at === 1 ? "down " : ""}mtu 1500`);
    return [name, { ...(object as Link), ifindex: at + 1 }];
  });
  const addresses = names.flatMap((name) =>
    ["192.0.2.1/24", "192.0.2.1/32"].map((ip): [string, Address] => [
      `${name} ${ip}`,
      parseObject(`address ${ip} dev ${name}`).object as Address,
    ]),
  );
  const alder = resource("node alder 192.0.2.1/24") as Node;
  fc.assert(
    fc.property(fc.subarray(links), fc.subarray(addresses), fc.nat(), (some, others, turn) => {
      const turned = <T>(all: readonly T[]): T[] => {
        const at = all.length === 0 ? 0 : turn % all.length;
        return [...all.slice(at), ...all.slice(0, at)].reverse();
      };
      expect(findUnderlay(new Map(turned(some)), new Map(turned(others)), alder)).toEqual(
        findUnderlay(new Map(some), new Map(others), alder),
      );
    }),
  );
});

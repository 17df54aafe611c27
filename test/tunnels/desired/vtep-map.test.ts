import { describe, expect, test } from "vitest";
import { DirtyPrefixes } from "../../../tunnels/desired/dirty-prefixes.ts";
import { VtepMap } from "../../../tunnels/desired/vtep-map.ts";
import type { Node } from "../../../tunnels/model/node.ts";
import { vtepMac } from "../../../tunnels/model/vtep.ts";
import { resource, twin, twinIp } from "./notation.ts";

/** The rule that Calico nodes follow, with the values that its own tests have. */
test.each([
  ["remotehostname", 4, "66:3e:ca:a4:db:65"],
  ["remotehostname2", 4, "66:40:18:59:1f:16"],
  ["localhostname", 4, "66:48:f6:56:dc:f1"],
  ["remotehostname", 6, "66:a0:68:c9:4c:79"],
] as const)("vtepMac of %s in IPv%i is %s", (node, family, mac) => {
  expect(vtepMac(node, family)).toBe(mac);
});

describe.each([4, 6] as const)("VtepMap, IPv%i", (family) => {
  const node = (line: string): Node => resource(twin(family, line)) as Node;

  function mapOf(...lines: readonly string[]): VtepMap {
    const map = new VtepMap("alder", new DirtyPrefixes([4, 6]));
    for (const line of lines) {
      const one = node(line);
      map.put(one.name, one);
    }
    map.dirtyNodes.clear();
    return map;
  }

  test("makes a VTEP of a node with both addresses", () => {
    const map = mapOf("node birch 192.0.2.2 vxlan=10.0.1.1");
    expect(map.get("birch")?.vteps).toEqual([
      {
        node: "birch",
        family,
        tunnelIp: twinIp(family, "10.0.1.1"),
        mac: vtepMac("birch", family),
        underlayIp: twinIp(family, "192.0.2.2"),
      },
    ]);
  });

  test.each([
    "node birch 192.0.2.2",
    "node birch vxlan=10.0.1.1",
    "node birch 192.0.2.2 vxlan=0.0.0.0",
    "node birch 0.0.0.0 vxlan=10.0.1.1",
    "node birch",
  ])("makes none of %s", (line) => {
    expect(
      mapOf(line.replaceAll("0.0.0.0", family === 4 ? "0.0.0.0" : "::")).get("birch")?.vteps,
    ).toEqual([]);
  });

  test("takes the MAC of the record", () => {
    const map = mapOf("node birch 192.0.2.2 vxlan=10.0.1.1 mac=66:00:00:00:00:09");
    expect(map.get("birch")?.vteps[0]?.mac).toBe("66:00:00:00:00:09");
  });

  test("knows who holds what", () => {
    const map = mapOf("node birch 192.0.2.2 vxlan=10.0.1.1", "node cedar 192.0.2.2 vxlan=10.0.1.1");
    const mac = vtepMac("cedar", family);
    expect(map.addressHolder(twinIp(family, "192.0.2.2"))).toBe("birch");
    expect(map.tunnelHolder(twinIp(family, "10.0.1.1"))).toBe("birch");
    expect(map.macHolder(family, mac)).toBe("cedar");
    expect(map.addressHolder(twinIp(family, "192.0.2.9"))).toBeUndefined();
  });

  test("marks the node and all its rivals, and nobody else", () => {
    const map = mapOf(
      "node birch 192.0.2.2 vxlan=10.0.1.1",
      "node cedar 192.0.2.3 vxlan=10.0.1.2 mac=66:00:00:00:00:09",
      "node elm 192.0.2.4 vxlan=10.0.1.3",
    );
    const put = (line: string): string[] => {
      const one = node(line);
      map.put(one.name, one);
      const marked = [...map.dirtyNodes].sort();
      map.dirtyNodes.clear();
      return marked;
    };
    expect(put("node fir 192.0.2.2 vxlan=10.0.1.9")).toEqual(["birch", "fir"]);
    expect(put("node fir 192.0.2.9 vxlan=10.0.1.2")).toEqual(["birch", "cedar", "fir"]);
    expect(put("node fir 192.0.2.9 vxlan=10.0.1.9")).toEqual(["cedar", "fir"]);
    expect(put("node fir 192.0.2.9 vxlan=10.0.1.9 mac=66:00:00:00:00:09")).toEqual([
      "cedar",
      "fir",
    ]);
    expect(put("node fir 192.0.2.9 vxlan=10.0.1.9")).toEqual(["cedar", "fir"]);
    map.put("fir", undefined);
    expect([...map.dirtyNodes]).toEqual(["fir"]);
    expect(map.size).toBe(3);
  });
});

import { describe, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { PoolIndex } from "../../../tunnels/desired/pool-index.ts";
import type { IpPool } from "../../../tunnels/model/ip-pool.ts";
import { resource, twin } from "./notation.ts";

describe.each([4, 6] as const)("PoolIndex, IPv%i", (family) => {
  const cidr = (text: string): ReturnType<typeof parseCidr> => parseCidr(twin(family, text));
  const pool = (line: string): IpPool => resource(twin(family, `pool ${line}`)) as IpPool;

  function indexOf(...lines: readonly string[]): PoolIndex {
    const index = new PoolIndex();
    for (const line of lines) index.put(pool(line).name, pool(line));
    return index;
  }

  const names = (pools: readonly IpPool[]): string[] => pools.map(({ name }) => name);

  test("containing finds the deepest routed pool that holds all of a prefix", () => {
    const index = indexOf(
      "wide 10.0.0.0/8 vxlan",
      "deep 10.1.0.0/16 ipip",
      "balancer 10.1.1.0/24 none LoadBalancer",
    );
    const found = (text: string): string | undefined => index.containing(cidr(text))?.name;
    expect(found("10.1.1.0/29")).toBe("deep");
    expect(found("10.1.0.0/16")).toBe("deep");
    expect(found("10.0.0.0/15")).toBe("wide");
    expect(found("10.2.0.1/32")).toBe("wide");
    expect(found("11.0.0.0/29")).toBeUndefined();
    expect(found("8.0.0.0/6")).toBeUndefined();
  });

  test("isUnrouted knows what is in a LoadBalancer pool alone", () => {
    const index = indexOf("balancer 10.1.1.0/24 none LoadBalancer");
    expect(index.isUnrouted(cidr("10.1.1.8/29"))).toBe(true);
    expect(index.isUnrouted(cidr("10.1.0.0/16"))).toBe(false);
    expect(index.containing(cidr("10.1.1.8/29"))).toBeUndefined();
  });

  test("of two pools with one CIDR the first by name is in force, the other hidden", () => {
    const index = indexOf("b 10.0.0.0/8 vxlan", "a 10.0.0.0/8 ipip");
    expect(index.containing(cidr("10.1.0.0/16"))?.name).toBe("a");
    expect(index.hidden().map(({ pool: one, by }) => [one.name, by.name])).toEqual([["b", "a"]]);
    expect(names(index.routed(family))).toEqual(["a"]);
    index.put("a", undefined);
    expect(index.containing(cidr("10.1.0.0/16"))?.name).toBe("b");
    expect(index.hidden()).toEqual([]);
  });

  test("routed lists pools by name, of one encapsulation if asked", () => {
    const index = indexOf(
      "c 10.3.0.0/16 vxlan",
      "a 10.1.0.0/16 vxlan CrossSubnet",
      "b 10.2.0.0/16 ipip",
      "d 10.4.0.0/16 none LoadBalancer",
    );
    expect(names(index.routed(family))).toEqual(["a", "b", "c"]);
    expect(names(index.routed(family, "vxlan"))).toEqual(["a", "c"]);
    expect(index.routed(family === 4 ? 6 : 4)).toEqual([]);
  });

  test("put tells whether routes may depend on the difference", () => {
    const index = new PoolIndex();
    const put = (line: string): boolean => index.put("p", pool(line));
    expect(put("p 10.0.0.0/16 vxlan")).toBe(true);
    expect(put("p 10.0.0.0/16 vxlan")).toBe(false);
    expect(put("p 10.0.0.0/16 vxlan nat=no")).toBe(false);
    expect(index.get("p")?.natOutgoing).toBe(false);
    expect(put("p 10.0.0.0/16 vxlan CrossSubnet")).toBe(true);
    expect(put("p 10.0.0.0/16 ipip CrossSubnet")).toBe(true);
    expect(put("p 10.0.0.0/15 ipip CrossSubnet")).toBe(true);
    expect(put("p 10.0.0.0/15 ipip CrossSubnet LoadBalancer")).toBe(true);
    expect(index.put("p", undefined)).toBe(true);
    expect(index.put("p", undefined)).toBe(false);
    expect(index.size).toBe(0);
  });
});

/** Random clusters as lines, drawn from so few values that claims meet, nest and collide often. */
import fc from "fast-check";
import { KERNEL_CARRIES } from "../../../tunnels/desired/carrier.ts";
import { carriers } from "./carriers.ts";
import type { UnderlayFacts } from "./node-view.ts";

const NAMES = ["alder", "birch", "cedar", "dogwood"];
const NODE_ADDRESSES = ["192.0.2.1", "192.0.2.2", "198.51.100.3", "10.0.1.5", "0.0.0.0"];
const NODE_ADDRESSES6 = ["2001:db8::1", "2001:db8::2", "2001:db8:1::3", "fd00::105"];
const OVERLAY = ["10.0.0.1", "10.0.1.1", "10.0.1.5", "10.0.2.1", "10.9.0.1"];
const OVERLAY6 = ["fd00::1", "fd00::101", "fd00::105", "fd00::201", "fd09::1"];
const BLOCKS = ["10.0.0.0/29", "10.0.1.0/29", "10.0.1.0/28", "10.0.1.1/32", "10.9.0.0/29"];
const BLOCKS6 = ["fd00::/125", "fd00::100/125", "fd00::100/124", "fd00::101/128", "fd09::/125"];
const POOLS = ["10.0.0.0/16", "10.0.1.0/24", "10.0.1.0/30", "192.0.2.0/24", "10.0.1.1/32"];
const POOLS6 = ["fd00::/64", "fd00::100/120", "2001:db8::/64"];
const MACS = ["66:00:00:00:00:01", "66:00:00:00:00:02"];

const oneOf = (values: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...values);
/** The word half of the time. */
const maybe = (word: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(fc.constant(""), word);
const words = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((all) => all.filter((word) => word !== "").join(" "));
const prefixed = (prefix: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  value.map((text) => `${prefix}${text}`);

const node = words(
  fc.constant("node"),
  oneOf(NAMES),
  maybe(
    fc
      .tuple(oneOf(NODE_ADDRESSES), oneOf(["", "/24", "/32", "/16"]))
      .map(([address, length]) => address + length),
  ),
  maybe(
    fc
      .tuple(oneOf(NODE_ADDRESSES6), oneOf(["", "/64", "/128"]))
      .map(([address, length]) => address + length),
  ),
  maybe(prefixed("vxlan=", oneOf(OVERLAY))),
  maybe(prefixed("vxlan=", oneOf(OVERLAY6))),
  maybe(prefixed("ipip=", oneOf(OVERLAY))),
  maybe(prefixed("mac=", oneOf(MACS))),
  maybe(prefixed("mac6=", oneOf(MACS))),
  maybe(prefixed("pod=", oneOf([...BLOCKS, ...BLOCKS6]))),
);

const pool = words(
  fc.constant("pool"),
  oneOf(["p", "q", "r"]),
  oneOf([...POOLS, ...POOLS6]),
  oneOf(["vxlan", "vxlan", "ipip", "none"]),
  oneOf(["Always", "CrossSubnet"]),
  oneOf(["", "", "", "LoadBalancer"]),
);

const borrowed = fc
  .tuple(oneOf(NAMES), oneOf([...OVERLAY, ...OVERLAY6]))
  .map(([name, address]) => `${name}=${address}`);

const block = words(
  fc.constant("block"),
  oneOf([...BLOCKS, ...BLOCKS6]),
  maybe(oneOf(NAMES)),
  prefixed("as=", oneOf(["a", "b", "c", "d", "e"])),
  maybe(borrowed),
  maybe(borrowed),
);

/** A line that puts a resource, or with "-" removes it. */
export const line: fc.Arbitrary<string> = fc
  .tuple(oneOf(["", "", "", "-"]), fc.oneof(node, node, pool, block, block))
  .map((parts) => parts.join(""));

export const underlay: fc.Arbitrary<UnderlayFacts> = fc.record({
  links: fc.constantFrom(
    ["eth0 192.0.2.1/24", "eth0 2001:db8::1/64"],
    ["bond0 192.0.2.1/16", "eth1 2001:db8::1/64"],
    ["eth0 198.51.100.3/24"],
  ),
  mtu: fc.constantFrom(1500, 1400, 1300),
  routes: fc.constantFrom(
    [],
    ["0.0.0.0/0 via 192.0.2.254 dev eth0", "::/0 via 2001:db8::fe dev eth0"],
    ["10.0.0.0/8 via 192.0.2.253 dev eth0 metric 5", "10.0.0.0/8 via 192.0.2.252 dev eth0"],
  ),
});

export const settings = fc.record(
  {
    vxlanEnabled: fc.boolean(),
    ipipEnabled: fc.boolean(),
    vxlanVni: fc.constantFrom(4096, 4097),
    vxlanMtu: fc.constantFrom(0, 1300, 9000),
  },
  { requiredKeys: [] },
);

export const options = fc.record({
  nexthopObjects: fc.boolean(),
  ipv6: fc.boolean(),
  carriers: fc.constantFrom(
    KERNEL_CARRIES,
    KERNEL_CARRIES,
    carriers("kernel", "", "Unknown device type"),
    carriers("auto", "", "Unknown device type"),
    carriers("userspace", "", ""),
  ),
});

/** A node with everything an agent can want of each kind, once, in either family. */
import type { Family } from "../../../encap/address/ip-address.ts";
import { twin } from "../desired/notation.ts";

export interface SmallNode {
  /** A line in the family of the node. */
  readonly say: (line: string) => string;
  readonly link: string;
  readonly address: string;
  readonly fdb: string;
  readonly neighbour: string;
  readonly nexthop: string;
  /** Over the nexthop object, over the parent device, and over nothing. */
  readonly route: string;
  readonly direct: string;
  readonly blackhole: string;
  /** All of them, sorted. */
  readonly all: readonly string[];
}

export function smallNode(family: Family): SmallNode {
  // A VTEP of the block 10.0.1.0/26 has a link-local gateway in IPv6, where no other is certain to be taken.
  const say = (line: string): string =>
    twin(family, line).replace(/fd00::a00:1(\w\w)(?![/\w])/g, "fe80::1$1");
  const lines = {
    link: say(
      "link vxlan.causeway mtu 1450 address 66:00:00:00:00:01 id 4096 port 4789 local 192.0.2.1 dev eth0",
    ),
    address: say("address 10.0.0.1/32 dev vxlan.causeway"),
    fdb: say("fdb 66:00:00:00:00:02 dst 192.0.2.2 dev vxlan.causeway"),
    neighbour: say("neighbour 10.0.1.1 lladdr 66:00:00:00:00:02 dev vxlan.causeway"),
    nexthop: say("nexthop id 7 via 10.0.1.1 dev vxlan.causeway onlink protocol 202"),
    route: say("route 10.0.1.0/26 nhid 7 proto 202"),
    direct: say("route 10.0.3.0/26 via 192.0.2.3 dev eth0 proto 202 onlink"),
    blackhole: say("route blackhole 10.0.0.0/26 proto 202"),
  };
  return { ...lines, say, all: Object.values(lines).sort() };
}

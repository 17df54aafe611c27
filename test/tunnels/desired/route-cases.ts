/**
 * What the calculation makes of a cluster: the rows of Calico's own list that concern routes and
 * VTEPs (reference/calico.md 3.5, after felix/calc/states_for_test.go), and our rules beyond it. Seen
 * by node alder (192.0.2.1/24 on eth0). Written for IPv4; `twin` makes the IPv6 ones.
 */
export interface RouteCase {
  readonly name: string;
  readonly given: readonly string[];
  /** Lines that start with route, neighbour or fdb, sorted by the test. */
  readonly expect: readonly string[];
  readonly problems?: readonly string[];
  readonly onlyIpv4?: boolean;
}

const ALDER = "node alder 192.0.2.1/24 vxlan=10.0.0.1";
const BIRCH = "node birch 192.0.2.2/24 vxlan=10.0.1.1";
const CEDAR = "node cedar 198.51.100.3/24 vxlan=10.0.2.1";
const POOL = "pool p 10.0.0.0/16 vxlan";
const BLOCK = "block 10.0.1.0/29 birch";

const TO_BIRCH = "via 10.0.1.1@MAC(birch) dev vxlan.causeway onlink";
const TO_CEDAR = "via 10.0.2.1@MAC(cedar) dev vxlan.causeway onlink";
const BIRCH_VTEP = [
  "neighbour 10.0.1.1@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
  "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
];
const CEDAR_VTEP = [
  "neighbour 10.0.2.1@MAC(cedar) lladdr MAC(cedar) dev vxlan.causeway",
  "fdb MAC(cedar) dst 198.51.100.3 dev vxlan.causeway",
];
const BIRCH_IS = [...BIRCH_VTEP, `route 10.0.1.0/29 ${TO_BIRCH}`];
/** A tunnel address outside the node's own blocks has a route of its own. */
const CEDAR_IS = [...CEDAR_VTEP, `route 10.0.2.1/32 ${TO_CEDAR}`];

export const ROUTE_CASES: readonly RouteCase[] = [
  { name: "nothing at all", given: [], expect: [] },
  {
    name: "a VXLAN pool, a remote block, its node with a tunnel address",
    given: [POOL, ALDER, BIRCH, BLOCK],
    expect: BIRCH_IS,
    problems: [],
  },
  {
    name: "block deleted: the VTEP stays, its address gets a route",
    given: [POOL, ALDER, BIRCH],
    expect: [...BIRCH_VTEP, `route 10.0.1.1/32 ${TO_BIRCH}`],
  },
  {
    name: "node resource deleted",
    given: [POOL, ALDER, BLOCK],
    expect: [],
    problems: ["error node birch: it has no record in the datastore: 1 block is not routed"],
  },
  {
    name: "tunnel address deleted",
    given: [POOL, ALDER, "node birch 192.0.2.2/24", BLOCK, "block 10.0.1.8/29 birch"],
    expect: [],
    problems: ["error node birch: it has no VXLAN tunnel address: 2 blocks are not routed"],
  },
  {
    name: "node address deleted",
    given: [POOL, ALDER, "node birch vxlan=10.0.1.1", BLOCK],
    expect: [],
    problems: ["error node birch: it has no IPv4 node address: 1 block is not routed"],
  },
  {
    name: "unspecified addresses are none",
    given: [
      POOL,
      ALDER,
      "node birch 0.0.0.0/24 vxlan=10.0.1.1",
      "node cedar 198.51.100.3 vxlan=0.0.0.0",
      BLOCK,
      "block 10.0.2.0/29 cedar",
    ],
    expect: [],
    problems: [
      "error node birch: it has no IPv4 node address: 1 block is not routed",
      "error node cedar: it has no VXLAN tunnel address: 1 block is not routed",
    ],
  },
  {
    name: "another tunnel address",
    given: [POOL, ALDER, "node birch 192.0.2.2/24 vxlan=10.0.1.2", BLOCK],
    expect: [
      "neighbour 10.0.1.2@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
      "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
      "route 10.0.1.0/29 via 10.0.1.2@MAC(birch) dev vxlan.causeway onlink",
    ],
  },
  {
    name: "another node address",
    given: [POOL, ALDER, "node birch 192.0.2.9/24 vxlan=10.0.1.1", BLOCK],
    expect: [
      "neighbour 10.0.1.1@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
      "fdb MAC(birch) dst 192.0.2.9 dev vxlan.causeway",
      `route 10.0.1.0/29 ${TO_BIRCH}`,
    ],
  },
  {
    name: "the node address without a mask",
    given: [POOL, ALDER, "node birch 192.0.2.2 vxlan=10.0.1.1", BLOCK],
    expect: BIRCH_IS,
  },
  {
    name: "further addresses of a node change nothing",
    given: [POOL, ALDER, `${BIRCH} other=192.0.2.77 other=10.0.5.5`, BLOCK],
    expect: BIRCH_IS,
  },
  {
    name: "the MAC named by the record",
    given: [POOL, ALDER, `${BIRCH} mac=66:00:00:00:00:01`, BLOCK],
    expect: [
      "neighbour 10.0.1.1@66:00:00:00:00:01 lladdr 66:00:00:00:00:01 dev vxlan.causeway",
      "fdb 66:00:00:00:00:01 dst 192.0.2.2 dev vxlan.causeway",
      "route 10.0.1.0/29 via 10.0.1.1@66:00:00:00:00:01 dev vxlan.causeway onlink",
    ],
  },
  {
    name: "pool changed to IP-in-IP",
    given: ["pool p 10.0.0.0/16 ipip", `${ALDER} ipip=10.0.0.2`, `${BIRCH} ipip=10.0.1.2`, BLOCK],
    expect: ["route 10.0.1.0/29 via 192.0.2.2 dev ipip.causeway onlink"],
    onlyIpv4: true,
  },
  {
    name: "IP-in-IP needs no tunnel address of the remote node",
    given: ["pool p 10.0.0.0/16 ipip", `${ALDER} ipip=10.0.0.2`, "node birch 192.0.2.2", BLOCK],
    expect: ["route 10.0.1.0/29 via 192.0.2.2 dev ipip.causeway onlink"],
    onlyIpv4: true,
  },
  {
    name: "an address of birch's block borrowed by cedar",
    given: [POOL, ALDER, BIRCH, CEDAR, "block 10.0.1.0/29 birch cedar=10.0.1.4"],
    expect: [...BIRCH_IS, ...CEDAR_IS, `route 10.0.1.4/32 ${TO_CEDAR}`],
  },
  {
    name: "owner and borrower change places",
    given: [POOL, ALDER, BIRCH, CEDAR, "block 10.0.1.0/29 cedar birch=10.0.1.4"],
    expect: [
      ...BIRCH_VTEP,
      ...CEDAR_IS,
      `route 10.0.1.0/29 ${TO_CEDAR}`,
      `route 10.0.1.1/32 ${TO_BIRCH}`,
      `route 10.0.1.4/32 ${TO_BIRCH}`,
    ],
  },
  {
    name: "the owner's record is missing, the borrower's is there",
    given: [POOL, ALDER, CEDAR, "block 10.0.1.0/29 birch cedar=10.0.1.4"],
    expect: [...CEDAR_IS, `route 10.0.1.4/32 ${TO_CEDAR}`],
    problems: ["error node birch: it has no record in the datastore: 1 block is not routed"],
  },
  {
    name: "two nodes borrow one address: the first by name has it",
    given: [
      POOL,
      ALDER,
      BIRCH,
      CEDAR,
      "block 10.0.1.0/29 birch cedar=10.0.1.4",
      "block 10.0.1.0/28 birch birch=10.0.1.4",
    ],
    expect: [
      ...BIRCH_VTEP,
      ...CEDAR_IS,
      `route 10.0.1.0/28 ${TO_BIRCH}`,
      `route 10.0.1.0/29 ${TO_BIRCH}`,
      `route 10.0.1.4/32 ${TO_BIRCH}`,
    ],
  },
  {
    name: "a borrowed address whose owner has a block of just that address",
    given: [POOL, ALDER, BIRCH, CEDAR, "block 10.0.1.4/32 birch cedar=10.0.1.4"],
    expect: [
      ...BIRCH_VTEP,
      ...CEDAR_IS,
      `route 10.0.1.1/32 ${TO_BIRCH}`,
      `route 10.0.1.4/32 ${TO_CEDAR}`,
    ],
  },
  {
    name: "an address borrowed by a node without a record",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 birch cedar=10.0.1.4"],
    expect: BIRCH_IS,
    problems: ["error node cedar: it has no record in the datastore: 1 address is not routed"],
  },
  {
    name: "a local block is a blackhole",
    given: [POOL, ALDER, "block 10.0.0.0/29 alder"],
    expect: ["route 10.0.0.0/29 blackhole"],
  },
  {
    name: "a local block with an address lent out",
    given: [POOL, ALDER, CEDAR, "block 10.0.0.0/29 alder cedar=10.0.0.4"],
    expect: [...CEDAR_IS, "route 10.0.0.0/29 blackhole", `route 10.0.0.4/32 ${TO_CEDAR}`],
  },
  {
    name: "an address that this node borrows has no route",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 birch alder=10.0.1.4"],
    expect: BIRCH_IS,
  },
  {
    name: "local blocks that contain each other are a blackhole each",
    given: [POOL, ALDER, "block 10.0.0.0/29 alder", "block 10.0.0.0/24 alder"],
    expect: ["route 10.0.0.0/24 blackhole", "route 10.0.0.0/29 blackhole"],
  },
  {
    name: "a block of another node inside one of ours",
    given: [POOL, ALDER, BIRCH, "block 10.0.0.0/16 alder", BLOCK],
    expect: [...BIRCH_IS, "route 10.0.0.0/16 blackhole"],
  },
  {
    name: "a local block whose addresses another node has back",
    given: [POOL, ALDER, BIRCH, "block 10.0.0.0/29 alder birch=10.0.0.4 alder=10.0.0.5"],
    expect: [
      ...BIRCH_VTEP,
      "route 10.0.0.0/29 blackhole",
      `route 10.0.0.4/32 ${TO_BIRCH}`,
      `route 10.0.1.1/32 ${TO_BIRCH}`,
    ],
  },
  {
    name: "a local block of one address is no blackhole",
    given: [POOL, ALDER, "block 10.0.0.7/32 alder"],
    expect: [],
  },
  {
    name: "a local block outside all pools is no blackhole",
    given: [POOL, ALDER, "block 10.9.0.0/29 alder"],
    expect: [],
    problems: ["note block 10.9.0.0/29: no IP pool contains it"],
  },
  {
    name: "a block without owner: only its borrowed addresses",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 birch=10.0.1.4"],
    expect: [...BIRCH_VTEP, `route 10.0.1.1/32 ${TO_BIRCH}`, `route 10.0.1.4/32 ${TO_BIRCH}`],
  },
  {
    name: "a block claimed twice: the first owner by name has it",
    given: [
      POOL,
      ALDER,
      BIRCH,
      CEDAR,
      "block 10.0.1.0/29 cedar as=a",
      "block 10.0.1.0/29 birch as=b",
    ],
    expect: [...BIRCH_IS, ...CEDAR_IS],
  },
  {
    name: "a block claimed twice by one node",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 birch as=a", "block 10.0.1.0/29 birch as=b"],
    expect: BIRCH_IS,
  },
  {
    name: "a block claimed by a node and by nobody is the node's",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 as=a", "block 10.0.1.0/29 birch as=b"],
    expect: BIRCH_IS,
  },
  {
    name: "CrossSubnet, same subnet: direct",
    given: [
      "pool p 10.0.0.0/16 vxlan CrossSubnet",
      ALDER,
      BIRCH,
      "block 10.0.1.0/29 birch alder=10.0.1.3",
      "block 10.0.0.0/29 alder birch=10.0.0.4",
    ],
    expect: [
      ...BIRCH_VTEP,
      "route 10.0.0.0/29 blackhole",
      "route 10.0.0.4/32 via 192.0.2.2 dev eth0 onlink",
      "route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink",
    ],
  },
  {
    name: "CrossSubnet, same subnet: direct even without a tunnel address",
    given: ["pool p 10.0.0.0/16 vxlan CrossSubnet", ALDER, "node birch 192.0.2.2", BLOCK],
    expect: ["route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink"],
    problems: [],
  },
  {
    name: "CrossSubnet, another subnet: tunnel",
    given: ["pool p 10.0.0.0/16 vxlan CrossSubnet", ALDER, CEDAR, "block 10.0.2.0/29 cedar"],
    expect: [...CEDAR_VTEP, `route 10.0.2.0/29 ${TO_CEDAR}`],
  },
  {
    name: "CrossSubnet, our record says /32: nobody is in our subnet",
    given: [
      "pool p 10.0.0.0/16 vxlan CrossSubnet",
      "node alder 192.0.2.1/32 vxlan=10.0.0.1",
      "node birch 192.0.2.2 vxlan=10.0.1.1",
      BLOCK,
    ],
    expect: BIRCH_IS,
    problems: [],
  },
  {
    name: "CrossSubnet, our record has no mask: the link's counts",
    given: [
      "pool p 10.0.0.0/16 vxlan CrossSubnet",
      "node alder 192.0.2.1 vxlan=10.0.0.1",
      "node birch 192.0.2.2 vxlan=10.0.1.1",
      BLOCK,
    ],
    expect: [...BIRCH_VTEP, "route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink"],
  },
  {
    name: "CrossSubnet, the two masks disagree",
    given: [
      "pool p 10.0.0.0/16 vxlan CrossSubnet",
      ALDER,
      "node birch 192.0.2.2/32 vxlan=10.0.1.1",
      BLOCK,
    ],
    expect: [...BIRCH_VTEP, "route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink"],
    problems: ["warning node alder: CrossSubnet encapsulates one way only with birch"],
  },
  {
    name: "no encapsulation: direct inside the subnet, left to the underlay outside",
    given: [
      "pool p 10.0.0.0/16 none",
      ALDER,
      BIRCH,
      CEDAR,
      BLOCK,
      "block 10.0.2.0/29 cedar",
      "block 10.0.2.8/29 cedar",
    ],
    expect: ["route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink"],
    problems: [
      'note node cedar: pool "p" is Never and the node is in another subnet: 2 blocks are not routed',
    ],
  },
  {
    name: "the deepest pool counts",
    given: [POOL, "pool q 10.0.1.0/24 none", ALDER, BIRCH, BLOCK, "block 10.0.3.0/29 birch"],
    expect: [
      ...BIRCH_VTEP,
      "route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink",
      `route 10.0.3.0/29 ${TO_BIRCH}`,
    ],
  },
  {
    name: "a pool smaller than the block does not contain it",
    given: [POOL, "pool q 10.0.1.0/30 none", ALDER, BIRCH, BLOCK],
    expect: BIRCH_IS,
  },
  {
    name: "two pools of one CIDR: the first by name",
    given: ["pool a 10.0.0.0/16 none", POOL, ALDER, BIRCH, BLOCK],
    expect: ["route 10.0.1.0/29 via 192.0.2.2 dev eth0 onlink"],
    problems: ['warning pool "p": pool "a" has the same CIDR 10.0.0.0/16 and is first by name'],
  },
  {
    name: "a pool of LoadBalancer addresses inside is not looked at",
    given: [POOL, "pool lb 10.0.1.0/24 none LoadBalancer", ALDER, BIRCH, BLOCK],
    expect: BIRCH_IS,
    problems: [],
  },
  {
    name: "a block in a pool of LoadBalancer addresses only",
    given: [
      POOL,
      "pool lb 10.7.0.0/16 none LoadBalancer",
      ALDER,
      BIRCH,
      BLOCK,
      "block 10.7.0.0/29 birch",
    ],
    expect: BIRCH_IS,
    problems: [],
  },
  {
    name: "two pools that overlap, neither inside the other's block",
    given: [
      "pool wide 10.0.0.0/15 none",
      "pool deep 10.0.1.0/28 vxlan",
      ALDER,
      BIRCH,
      BLOCK,
      "block 10.0.1.16/29 birch",
      "block 10.1.0.0/29 birch",
    ],
    expect: [
      ...BIRCH_IS,
      "route 10.0.1.16/29 via 192.0.2.2 dev eth0 onlink",
      "route 10.1.0.0/29 via 192.0.2.2 dev eth0 onlink",
    ],
  },
  {
    name: "a pool with the prefix length of its block",
    given: ["pool p 10.0.1.0/29 vxlan", ALDER, BIRCH, BLOCK],
    expect: BIRCH_IS,
  },
  {
    name: "no pool at all",
    given: [ALDER, BIRCH, BLOCK],
    expect: [],
    problems: ["note block 10.0.1.0/29: no IP pool contains it"],
  },
  {
    name: "pool and block are the same /32",
    given: ["pool p 10.0.1.7/32 vxlan", ALDER, BIRCH, "block 10.0.1.7/32 birch"],
    expect: [...BIRCH_VTEP, `route 10.0.1.7/32 ${TO_BIRCH}`, `route 10.0.1.1/32 ${TO_BIRCH}`],
  },
  {
    name: "…and the pool goes",
    given: [ALDER, BIRCH, "block 10.0.1.7/32 birch"],
    expect: [],
    problems: ["note block 10.0.1.7/32: no IP pool contains it"],
  },
  {
    name: "…or the block",
    given: ["pool p 10.0.1.7/32 vxlan", ALDER, BIRCH],
    expect: [...BIRCH_VTEP, `route 10.0.1.1/32 ${TO_BIRCH}`],
  },
  {
    name: "a tunnel address that is a block of its own",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.1/32 birch"],
    expect: [...BIRCH_VTEP, `route 10.0.1.1/32 ${TO_BIRCH}`],
  },
  {
    name: "a tunnel address inside another node's block",
    given: [POOL, ALDER, BIRCH, CEDAR, "block 10.0.1.0/29 cedar"],
    expect: [
      ...BIRCH_VTEP,
      ...CEDAR_IS,
      `route 10.0.1.0/29 ${TO_CEDAR}`,
      `route 10.0.1.1/32 ${TO_BIRCH}`,
    ],
  },
  {
    name: "a tunnel address inside a block of ours",
    given: [POOL, ALDER, BIRCH, "block 10.0.1.0/29 alder"],
    expect: [...BIRCH_VTEP, "route 10.0.1.0/29 blackhole", `route 10.0.1.1/32 ${TO_BIRCH}`],
  },
  {
    name: "a tunnel address in a pool that goes direct",
    given: [POOL, "pool t 10.0.1.0/24 none", ALDER, BIRCH],
    expect: [...BIRCH_VTEP, "route 10.0.1.1/32 via 192.0.2.2 dev eth0 onlink"],
  },
  {
    name: "a tunnel address outside all pools goes through its own tunnel",
    given: [POOL, ALDER, "node birch 192.0.2.2/24 vxlan=10.9.9.9"],
    expect: [
      "neighbour 10.9.9.9@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
      "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
      "route 10.9.9.9/32 via 10.9.9.9@MAC(birch) dev vxlan.causeway onlink",
    ],
  },
  {
    name: "a tunnel address in a block of its node that no pool contains",
    given: [POOL, ALDER, "node birch 192.0.2.2/24 vxlan=10.9.9.9", "block 10.9.9.8/29 birch"],
    expect: [
      "neighbour 10.9.9.9@MAC(birch) lladdr MAC(birch) dev vxlan.causeway",
      "fdb MAC(birch) dst 192.0.2.2 dev vxlan.causeway",
      "route 10.9.9.9/32 via 10.9.9.9@MAC(birch) dev vxlan.causeway onlink",
    ],
    problems: ["note block 10.9.9.8/29: no IP pool contains it"],
  },
  {
    name: "borrowed wins over tunnel address, which wins over block",
    given: [
      POOL,
      ALDER,
      BIRCH,
      CEDAR,
      "block 10.0.1.1/32 alder",
      "block 10.0.1.0/29 alder cedar=10.0.1.1",
    ],
    expect: [
      ...BIRCH_VTEP,
      ...CEDAR_IS,
      "route 10.0.1.0/29 blackhole",
      `route 10.0.1.1/32 ${TO_CEDAR}`,
    ],
  },
  {
    name: "no records: podCIDRs are the blocks",
    given: [POOL, `${ALDER} pod=10.0.4.0/24`, `${BIRCH} pod=10.0.1.0/24`],
    expect: [...BIRCH_VTEP, "route 10.0.4.0/24 blackhole", `route 10.0.1.0/24 ${TO_BIRCH}`],
  },
  {
    name: "one record, and podCIDRs are not looked at",
    given: [
      POOL,
      `${ALDER} pod=10.0.4.0/24`,
      `${BIRCH} pod=10.0.1.0/24`,
      "block 10.0.1.0/29 birch",
    ],
    expect: BIRCH_IS,
  },
  {
    name: "this node has no record: blackholes stay, the rest is reported once",
    given: [POOL, BIRCH, BLOCK, "block 10.0.1.8/29 birch", "block 10.0.0.0/29 alder"],
    expect: ["route 10.0.0.0/29 blackhole"],
    problems: [
      "error node alder: this node has no record in the datastore: 2 blocks are not routed",
    ],
  },
  {
    name: "this node has no tunnel address",
    given: [POOL, "node alder 192.0.2.1/24", BIRCH, BLOCK],
    expect: [],
    problems: [
      "error device vxlan.causeway: node alder has no VXLAN tunnel address: 1 block is not routed",
    ],
  },
  {
    name: "this node has no node address",
    given: [POOL, "node alder vxlan=10.0.0.1", BIRCH, BLOCK],
    expect: [],
    problems: [
      "error node alder: this node has no IPv4 address in its record: 1 block is not routed",
    ],
  },
  {
    name: "no link holds this node's address",
    given: [POOL, "node alder 192.0.2.99/24 vxlan=10.0.0.1", BIRCH, BLOCK],
    expect: [],
    problems: [
      "error IPv4 underlay: no link holds the node address 192.0.2.99: 1 block is not routed",
    ],
  },
];

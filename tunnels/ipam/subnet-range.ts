/** Which subnets of a flannel network nodes may take (flannel's `subnet.CheckNetworkConfig`). IPv4 only. */
import type { Cidr } from "../../encap/address/cidr.ts";
import { compareIp, IpAddress } from "../../encap/address/ip-address.ts";
import { blockCandidates } from "./block-candidates.ts";

export interface RangeWish {
  readonly network: Cidr;
  readonly subnetLength: number | undefined;
  /** The first and the last address of the first and the last subnet's base. */
  readonly min: IpAddress | undefined;
  readonly max: IpAddress | undefined;
}

export interface SubnetRange {
  readonly network: Cidr;
  /** Prefix length of each subnet. */
  readonly length: number;
  /** Bases of the first and the last one. */
  readonly min: IpAddress;
  readonly max: IpAddress;
}

/** A pod, a gateway and the node's own address need as many. */
const LONGEST = 30;
/** The first subnet is left out: its base is the network's own address. */
const FEWEST_BITS = 2;

/** Fills in what is not said. @throws RangeError for a wish that leaves no subnets */
export function subnetRange({ network, subnetLength, min, max }: RangeWish): SubnetRange {
  const usual = network.length <= 22 ? 24 : network.length + FEWEST_BITS;
  const length = subnetLength ?? usual;
  if (length > LONGEST) throw new RangeError(`SubnetLen ${length} is over ${LONGEST}`);
  if (length < network.length + FEWEST_BITS) {
    throw new RangeError(`${network} has fewer than four subnets of /${length}`);
  }
  const size = 2 ** (32 - length);
  const last = network.address.w0 + 2 ** (32 - network.length) - size;
  const range = {
    network,
    length,
    min: min ?? new IpAddress(4, network.address.w0 + size),
    max: max ?? new IpAddress(4, last),
  };
  for (const [name, address] of [
    ["SubnetMin", range.min] as const,
    ["SubnetMax", range.max] as const,
  ]) {
    if (address.w0 % size !== 0)
      throw new RangeError(`${name} ${address} is no base of a /${length}`);
  }
  if (compareIp(range.min, range.max) > 0) {
    throw new RangeError(`SubnetMin ${range.min} is behind SubnetMax ${range.max}`);
  }
  return range;
}

export function isInRange(subnet: Cidr, { length, min, max }: SubnetRange): boolean {
  const { address } = subnet;
  return (
    subnet.family === 4 &&
    subnet.length === length &&
    compareIp(min, address) <= 0 &&
    compareIp(address, max) <= 0
  );
}

/** Subnets that nobody has, in an order of the node's own. */
export function* freeSubnets(
  range: SubnetRange,
  node: string,
  taken: Iterable<Cidr>,
): Generator<Cidr> {
  const pool = { cidr: range.network, blockSize: range.length };
  for (const subnet of blockCandidates(pool, node, taken)) {
    if (isInRange(subnet, range)) yield subnet;
  }
}

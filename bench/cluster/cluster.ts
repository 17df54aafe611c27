/**
 * A simulated cluster: which node has which addresses, and which block belongs to whom. It follows
 * from its options alone, and holds two numbers per block, so a million blocks are no burden.
 *
 *   node 0             the local node of a benchmark
 *   underlay           local subnet 172.16.0.0/16, fd17::/64; the other nodes 250 to a subnet,
 *                      172.17.0.0/24 and fd17:0:0:1::/64 upwards
 *   pools              equal slices of 10.0.0.0/8 and fd77::/96, one per pool mode
 *   blocks             /26 and /122, packed from the start of each pool; owners shuffled
 *   tunnel addresses   the first addresses of the node's first block, as Calico assigns them
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { PoolMode } from "../../tunnels/model/ip-pool.ts";
import { vtepMac } from "../../tunnels/model/vtep.ts";
import { seededRandom, shuffle } from "./random.ts";

export interface PoolChoice {
  readonly encap: "vxlan" | "ipip";
  readonly mode: PoolMode;
}

export interface ClusterOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly blocksPerNode: number;
  readonly families: readonly Family[];
  /** One pool per choice and family; IP-in-IP choices are left out for IPv6. */
  readonly pools: readonly PoolChoice[];
  /** Part of the nodes, from node 0 up, that share the local node's subnet. */
  readonly localFraction: number;
  /** If not 0, node 1 and the last node have this many blocks instead. */
  readonly largeBlocks: number;
}

export interface Pool extends PoolChoice {
  readonly name: string;
  readonly cidr: Cidr;
}

const BLOCK_BITS = 6;
const BLOCK_SIZE = 2 ** BLOCK_BITS;
const POOL_LENGTH: Record<Family, number> = { 4: 8, 6: 96 };
const LOCAL_SUBNET_SIZE = 32_000;
const REMOTE_SUBNET_SIZE = 250;
const REMOTE_SUBNETS = 14 * 256;

export class Cluster {
  readonly options: ClusterOptions;
  readonly blockCount: number;
  readonly localNodes: number;
  readonly #owners: Uint32Array;
  readonly #firstBlocks: Uint32Array;

  /** @throws RangeError if the address plan has no room for the cluster. */
  constructor(options: ClusterOptions) {
    const { nodes, localFraction, seed } = options;
    this.options = options;
    this.localNodes = Math.max(1, Math.round(nodes * localFraction));
    this.blockCount = 0;
    for (let node = 0; node < nodes; node++) this.blockCount += this.blocksOf(node);
    this.#checkRoom();
    this.#owners = new Uint32Array(this.blockCount);
    let at = 0;
    for (let node = 0; node < nodes; node++) {
      this.#owners.fill(node, at, at + this.blocksOf(node));
      at += this.blocksOf(node);
    }
    shuffle(this.#owners, seededRandom(seed));
    this.#firstBlocks = new Uint32Array(nodes);
    for (let block = this.blockCount - 1; block >= 0; block--) {
      this.#firstBlocks[this.ownerOf(block)] = block;
    }
  }

  nameOf(node: number): string {
    return `node-${String(node).padStart(5, "0")}`;
  }

  blocksOf(node: number): number {
    const { largeBlocks, blocksPerNode, nodes } = this.options;
    const isLarge = node === 1 || (node === nodes - 1 && node > 0);
    return largeBlocks > 0 && isLarge ? largeBlocks : blocksPerNode;
  }

  isLocal(node: number): boolean {
    return node < this.localNodes;
  }

  ownerOf(block: number): number {
    return this.#owners[block] as number;
  }

  blockCidr(block: number, family: Family): Cidr {
    const pools = this.#choicesOf(family).length;
    const pool = this.#poolCidr(block % pools, family);
    const length = family === 4 ? 32 - BLOCK_BITS : 128 - BLOCK_BITS;
    return new Cidr(addTo(pool.address, Math.floor(block / pools) * BLOCK_SIZE), length);
  }

  pools(family: Family): Pool[] {
    return this.#choicesOf(family).map((choice, at) => {
      const name = `pool-${family === 4 ? "v4" : "v6"}-${at}`;
      return { ...choice, name, cidr: this.#poolCidr(at, family) };
    });
  }

  underlayAddress(node: number, family: Family): IpAddress {
    const base = family === 4 ? new IpAddress(4, 0xac100000) : new IpAddress(6, 0xfd170000);
    if (this.isLocal(node)) return addTo(base, 10 + node);
    const remote = node - this.localNodes;
    const subnet = Math.floor(remote / REMOTE_SUBNET_SIZE);
    const host = 1 + (remote % REMOTE_SUBNET_SIZE);
    if (family === 4) return addTo(base, 0x10000 + subnet * 256 + host);
    return new IpAddress(6, base.w0, subnet + 1, 0, host);
  }

  /** Prefix length of the node's subnet, as its record names it. */
  underlayLength(node: number, family: Family): number {
    if (family === 6) return 64;
    return this.isLocal(node) ? 16 : 24;
  }

  /** The address of the node's VXLAN device. */
  tunnelAddress(node: number, family: Family): IpAddress {
    return this.blockCidr(this.#firstBlocks[node] as number, family).address;
  }

  ipipTunnelAddress(node: number): IpAddress {
    return addTo(this.tunnelAddress(node, 4), 1);
  }

  vtepMac(node: number, family: Family): MacAddress {
    return vtepMac(this.nameOf(node), family);
  }

  firstBlockOf(node: number): number {
    return this.#firstBlocks[node] as number;
  }

  #choicesOf(family: Family): readonly PoolChoice[] {
    const { pools } = this.options;
    return family === 4 ? pools : pools.filter((pool) => pool.encap !== "ipip");
  }

  #sliceBits(family: Family): number {
    return Math.ceil(Math.log2(this.#choicesOf(family).length));
  }

  #poolCidr(at: number, family: Family): Cidr {
    const base = family === 4 ? new IpAddress(4, 0x0a000000) : new IpAddress(6, 0xfd770000);
    const hostBits = (family === 4 ? 32 : 128) - POOL_LENGTH[family] - this.#sliceBits(family);
    return new Cidr(addTo(base, at * 2 ** hostBits), POOL_LENGTH[family] + this.#sliceBits(family));
  }

  #checkRoom(): void {
    const { nodes, blocksPerNode, families } = this.options;
    if (nodes < 1 || blocksPerNode < 1) throw new RangeError("a cluster needs nodes and blocks");
    for (const family of families) {
      const pools = this.#choicesOf(family).length;
      if (pools === 0) throw new RangeError(`no pool is left for IPv${family}`);
      const hostBits = (family === 4 ? 32 : 128) - POOL_LENGTH[family] - this.#sliceBits(family);
      const room = pools * 2 ** (hostBits - BLOCK_BITS);
      if (this.blockCount > room) {
        throw new RangeError(
          `${this.blockCount} blocks of IPv${family}: only ${room} fit the pools`,
        );
      }
    }
    const remote = nodes - this.localNodes;
    if (this.localNodes > LOCAL_SUBNET_SIZE) {
      throw new RangeError(`${this.localNodes} nodes do not fit the local subnet`);
    }
    if (remote > REMOTE_SUBNETS * REMOTE_SUBNET_SIZE) {
      throw new RangeError(`${remote} remote nodes do not fit the underlay`);
    }
  }
}

/** `offset` stays below 2^32 and never carries out of the last word in this address plan. */
function addTo(ip: IpAddress, offset: number): IpAddress {
  if (ip.family === 4) return new IpAddress(4, ip.w0 + offset);
  return new IpAddress(6, ip.w0, ip.w1, ip.w2, ip.w3 + offset);
}

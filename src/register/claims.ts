/** Claiming blocks within what the cluster allows, and saying why where none is to be had. */
import { parseCidr } from "../../encap/address/cidr.ts";
import type { Problem } from "../../tunnels/desired/problem.ts";
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import { type AddressPool, poolOf } from "../../tunnels/ipam/pool.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";
import type { BlockMap } from "./own-addresses.ts";
import { claimInPool } from "./own-blocks.ts";

/** Of the record IPAMConfig; absent means: as Calico has it by default. */
export interface IpamLimits {
  readonly autoAllocateBlocks: boolean;
  /** 0 for no limit. */
  readonly maxBlocksPerHost: number;
}

export function readIpamLimits(record: RecordValue | undefined): IpamLimits {
  const spec = record?.spec ?? {};
  return {
    autoAllocateBlocks: spec["autoAllocateBlocks"] !== false,
    maxBlocksPerHost: Number(spec["maxBlocksPerHost"] ?? 0),
  };
}

/** The blocks of one node during one pass. Nothing is ever borrowed from another node's block. */
export class Claims {
  readonly blocks: BlockMap;
  readonly problems: Problem[] = [];
  /** Pools without a free block: to be tried again when a block anywhere is given back. */
  readonly full: Set<string> = new Set();
  readonly #store: RecordStore;
  readonly #node: string;
  readonly #limits: IpamLimits;

  constructor(
    store: RecordStore,
    node: string,
    limits: IpamLimits,
    blocks: readonly AllocationBlock[],
  ) {
    this.#store = store;
    this.#node = node;
    this.#limits = limits;
    this.blocks = new Map(blocks.map((block) => [block.cidr, block]));
  }

  /** Makes sure of a block in the pool. @throws CausewayError of the store */
  async ensure(pool: AddressPool, pools: readonly AddressPool[]): Promise<void> {
    const has = [...this.blocks.keys()].some((cidr) => poolOf(pools, parseCidr(cidr)) === pool);
    if (!has) await this.claim(pool);
  }

  /** One more block; undefined, and a problem, if there is none. @throws CausewayError of the store */
  async claim(pool: AddressPool): Promise<AllocationBlock | undefined> {
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      this.#note(pool, refusal, "change the IPAMConfig, or add an affinity by hand");
      return undefined;
    }
    // A second try in one pass would find the same.
    const block = this.full.has(pool.name)
      ? undefined
      : await claimInPool(this.#store, this.#node, pool);
    if (block === undefined) {
      this.full.add(pool.name);
      const reason = `no block of ${pool.cidr} is left for this node (blocks of /${pool.blockSize})`;
      const hint = "add a pool, or take dead nodes out: causeway node delete NAME";
      this.#note(pool, reason, hint);
      return undefined;
    }
    this.blocks.set(block.cidr, block);
    return block;
  }

  #refusal(): string | undefined {
    const { autoAllocateBlocks, maxBlocksPerHost } = this.#limits;
    if (!autoAllocateBlocks) return "no block is claimed: autoAllocateBlocks is off";
    if (maxBlocksPerHost === 0 || this.blocks.size < maxBlocksPerHost) return undefined;
    return `no further block is claimed: maxBlocksPerHost is ${maxBlocksPerHost}`;
  }

  #note({ name }: AddressPool, reason: string, hint: string): void {
    const subject = `pool "${name}"`;
    if (this.problems.some((one) => one.subject === subject)) return;
    this.problems.push({ subject, reason, hint, severity: "error" });
  }
}

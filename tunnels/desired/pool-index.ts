/** The IP pools, and which of them a prefix belongs to: the deepest one that routes. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { IpPool } from "../model/ip-pool.ts";
import { compareText } from "./name-order.ts";
import { PrefixClaims } from "./prefix-claims.ts";

export class PoolIndex {
  readonly #byName = new Map<string, IpPool>();
  readonly #routed = new PrefixClaims<IpPool>((a, b) => compareText(a.name, b.name));
  /** Pools of LoadBalancer addresses: nothing in them is routed, and nothing is amiss. */
  readonly #unrouted = new PrefixClaims<IpPool>((a, b) => compareText(a.name, b.name));

  /** True if routes may depend on the difference. */
  put(name: string, pool: IpPool | undefined): boolean {
    const old = this.#byName.get(name);
    if (old && pool && routesAlike(old, pool)) {
      this.#swap(old, pool);
      return false;
    }
    if (old) this.#side(old).remove(old.cidr, old);
    if (pool) {
      this.#byName.set(name, pool);
      this.#side(pool).add(pool.cidr, pool);
    } else {
      this.#byName.delete(name);
    }
    return old !== pool;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): IpPool | undefined {
    return this.#byName.get(name);
  }

  /** The deepest routed pool that contains all of the prefix; of two with one CIDR the first by name. */
  containing(cidr: Cidr): IpPool | undefined {
    return this.#routed.deepest(cidr.address, cidr.length);
  }

  /** True for a prefix in a pool that is not meant to be routed. */
  isUnrouted(cidr: Cidr): boolean {
    return this.#unrouted.deepest(cidr.address, cidr.length) !== undefined;
  }

  /** The routed pools of a family, by name, those that another pool of the same CIDR hides left out. */
  routed(family: Family, encap?: EncapMode): IpPool[] {
    return [...this.#byName.values()]
      .filter((pool) => pool.routed && pool.cidr.family === family)
      .filter((pool) => encap === undefined || pool.encap === encap)
      .filter((pool) => this.#routed.first(pool.cidr) === pool)
      .sort((a, b) => compareText(a.name, b.name));
  }

  /** Pools of one CIDR: the first is in force. */
  hidden(): { pool: IpPool; by: IpPool }[] {
    const found: { pool: IpPool; by: IpPool }[] = [];
    for (const { claims } of this.#routed.contested()) {
      const [by, ...rest] = claims;
      if (by) for (const pool of rest) found.push({ pool, by });
    }
    return found;
  }

  #side(pool: IpPool): PrefixClaims<IpPool> {
    return pool.routed ? this.#routed : this.#unrouted;
  }

  #swap(old: IpPool, pool: IpPool): void {
    this.#side(old).remove(old.cidr, old);
    this.#side(pool).add(pool.cidr, pool);
    this.#byName.set(pool.name, pool);
  }
}

function routesAlike(a: IpPool, b: IpPool): boolean {
  return a.cidr.equals(b.cidr) && a.encap === b.encap && a.mode === b.mode && a.routed === b.routed;
}

/** The prefixes that should have a route and have none, counted by reason. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { Family } from "../../encap/address/ip-address.ts";
import { RouteTable } from "../kernel/route-table.ts";
import { OUTCOME, type Outcome } from "./path-choice.ts";
import type { RouteDecision } from "./route-decision.ts";

export interface UnroutedGroup {
  readonly outcome: Outcome;
  readonly family: Family;
  /** Empty where the reason lies not with one node. */
  readonly node: string;
  /** Empty where the reason lies not with one pool. */
  readonly pool: string;
  readonly encap: string;
  blocks: number;
  /** Borrowed, tunnel and node addresses. */
  addresses: number;
}

/** The reason is this node's own, so that all nodes' prefixes count together. */
const OWN_REASONS: readonly Outcome[] = [OUTCOME.noPool, OUTCOME.noDevice, OUTCOME.noParent];
/** The reason is the pool's mode, or that nobody carries it here. */
const POOL_REASONS: readonly Outcome[] = [OUTCOME.beyondSubnet, OUTCOME.noDevice];
/** The reason concerns one encapsulation. */
const ENCAP_REASONS: readonly Outcome[] = [
  OUTCOME.noTunnelAddress,
  OUTCOME.lostTunnelAddress,
  OUTCOME.lostMac,
  OUTCOME.noDevice,
];

export class Unrouted {
  /** The "path" of a row is twice the number of its group, one more for an address. */
  readonly #rows: { readonly 4: RouteTable; readonly 6: RouteTable } = {
    4: new RouteTable(4),
    6: new RouteTable(6),
  };
  readonly #groups: UnroutedGroup[] = [];
  readonly #numbers = new Map<string, number>();

  note(cidr: Cidr, decision: RouteDecision | undefined): void {
    const table = this.#rows[cidr.family];
    const isMissing = decision !== undefined && decision.outcome < OUTCOME.none;
    if (!isMissing && table.size === 0) return;
    const row = table.findCidr(cidr);
    if (row >= 0) this.#count(table.pathOf(row), -1);
    if (isMissing) {
      const number = this.#groupOf(cidr.family, decision) * 2 + Number(decision.what !== "block");
      table.setCidr(cidr, number);
      this.#count(number, 1);
    } else if (row >= 0) {
      table.removeRow(row);
    }
  }

  /** The groups that have prefixes. */
  groups(): UnroutedGroup[] {
    return this.#groups.filter(({ blocks, addresses }) => blocks + addresses > 0);
  }

  /** The prefixes with this outcome, in no order. */
  *prefixes(outcome: Outcome): Generator<Cidr> {
    for (const table of [this.#rows[4], this.#rows[6]]) {
      for (const row of table.rows()) {
        if (this.#groups[table.pathOf(row) >> 1]?.outcome === outcome) {
          yield table.destinationOf(row);
        }
      }
    }
  }

  #count(number: number, step: number): void {
    const group = this.#groups[number >> 1];
    if (group === undefined) return;
    if (number & 1) group.addresses += step;
    else group.blocks += step;
  }

  #groupOf(family: Family, { outcome, ...decision }: RouteDecision): number {
    const node = OWN_REASONS.includes(outcome) ? "" : decision.node;
    const pool = POOL_REASONS.includes(outcome) ? (decision.pool?.name ?? "") : "";
    const encap = ENCAP_REASONS.includes(outcome) ? (decision.pool?.encap ?? "") : "";
    const key = `${family} ${outcome} ${encap} ${pool} ${node}`;
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#groups.length;
      this.#numbers.set(key, number);
      this.#groups.push({ outcome, family, node, pool, encap, blocks: 0, addresses: 0 });
    }
    return number;
  }
}

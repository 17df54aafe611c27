/** Where an address is in the overlay, and which decision its packets follow on this node. */
import type { Cidr } from "../../encap/address/cidr.ts";
import { hostCidr } from "../../encap/address/cidr.ts";
import { addressBits, type IpAddress } from "../../encap/address/ip-address.ts";
import type { RoutePath } from "../kernel/kernel-state.ts";
import type { Block } from "../model/block.ts";
import type { IpPool } from "../model/ip-pool.ts";
import type { LocalSide } from "./local-side.ts";
import {
  decideRoute,
  describeDecision,
  type RouteDecision,
  type RouteInputs,
} from "./route-decision.ts";
import type { NodeEntry } from "./vtep-map.ts";

export interface Whereabouts {
  /** The pool that routes it; undefined if it is in none. */
  readonly pool: IpPool | undefined;
  /** The deepest block around it. */
  readonly block: Block | undefined;
  /** The prefix whose route it takes, and the decision about that; undefined if nobody claims it. */
  readonly decided:
    | {
        readonly prefix: Cidr;
        readonly decision: RouteDecision;
        /** "block of birch". */
        readonly what: string;
        /** Undefined where there is to be no route. */
        readonly path: RoutePath | undefined;
      }
    | undefined;
  /** The node that has it, if there is a record of that node. */
  readonly holder: NodeEntry | undefined;
  readonly isLocal: boolean;
  /** This node's own subnet in the address's family. */
  readonly subnet: Cidr | undefined;
}

export function whereabouts(ip: IpAddress, inputs: RouteInputs, local: LocalSide): Whereabouts {
  const { pools, blocks, vteps, paths, name } = inputs;
  const host = hostCidr(ip);
  const block = blocks.claims.deepest(ip, addressBits(ip.family));
  const prefixes = block === undefined ? [host] : [host, block.cidr];
  const decisions = prefixes.flatMap((prefix) => {
    const decision = decideRoute(prefix, inputs, local);
    return decision === undefined ? [] : [{ prefix, decision }];
  });
  const [first] = decisions;
  const outcome = first?.decision.outcome ?? -1;
  return {
    pool: pools.containing(host),
    block,
    decided: first && {
      ...first,
      what: describeDecision(first.prefix, first.decision, inputs),
      path: outcome < 0 ? undefined : paths.get(outcome),
    },
    holder: first && vteps.get(first.decision.node),
    isLocal: first?.decision.node === name,
    subnet: local.families[ip.family].subnet,
  };
}

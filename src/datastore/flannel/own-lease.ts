/**
 * Which lease is this node's own. In etcd leases have no name: a node is known by its public address.
 * Whoever joins the network says which that is; until then, and where nobody joins, it is one that
 * this machine has.
 */
import { networkInterfaces } from "node:os";
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import type { Config } from "../../config/settings.ts";

export type OwnLeaseSettings = Pick<Config, "node" | "nodeAddress">;

export class OwnLease {
  /** This node's name; the lease's node has it. */
  readonly node: string;
  /**
   * Somebody looks after the lease: one that is lost stays in force until it is back, or another
   * node has the subnet. Forwarding goes on meanwhile.
   */
  isKept = false;
  /** Called when the lease is gone, or is not what was written. */
  onLost: () => void = () => {};
  /** Called when another lease may be the own one now. */
  onMoved: () => void = () => {};
  readonly #wished: readonly string[];
  #publicIp: string | undefined;

  constructor({ node, nodeAddress }: OwnLeaseSettings) {
    this.node = node;
    this.#wished = (nodeAddress.addresses ?? []).map(({ address }) => String(address));
  }

  /** The address that this node's lease is published with. */
  publish(address: IpAddress): void {
    const text = String(address);
    if (this.#publicIp === text) return;
    this.#publicIp = text;
    this.onMoved();
  }

  /** The addresses that make a lease the own one, as they are now. */
  addresses(): ReadonlySet<string> {
    if (this.#publicIp !== undefined) return new Set([this.#publicIp]);
    if (this.#wished.length > 0) return new Set(this.#wished);
    const found = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    return new Set(found.filter(({ internal }) => !internal).map(({ address }) => address));
  }
}

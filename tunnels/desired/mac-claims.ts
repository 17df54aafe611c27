/** Which nodes have a VTEP MAC, the first by name first. Mostly it is one. */
import type { MacAddress } from "../../encap/address/mac-address.ts";
import { compareText } from "./name-order.ts";

const nobody: readonly string[] = [];

export class MacClaims {
  readonly #nodes = new Map<MacAddress, readonly string[]>();
  readonly #contested = new Set<MacAddress>();

  /** @returns the nodes that had it before. */
  add(mac: MacAddress, node: string): readonly string[] {
    const before = this.all(mac);
    this.#set(mac, before.length === 0 ? [node] : [...before, node].sort(compareText));
    return before;
  }

  /** @returns the nodes that have it still. */
  remove(mac: MacAddress, node: string): readonly string[] {
    const rest = this.all(mac).filter((name) => name !== node);
    this.#set(mac, rest);
    return rest;
  }

  all(mac: MacAddress): readonly string[] {
    return this.#nodes.get(mac) ?? nobody;
  }

  /** The MACs that several nodes have. */
  *contested(): Generator<{ mac: MacAddress; nodes: readonly string[] }> {
    for (const mac of this.#contested) yield { mac, nodes: this.all(mac) };
  }

  #set(mac: MacAddress, nodes: readonly string[]): void {
    if (nodes.length === 0) this.#nodes.delete(mac);
    else this.#nodes.set(mac, nodes);
    if (nodes.length > 1) this.#contested.add(mac);
    else this.#contested.delete(mac);
  }
}

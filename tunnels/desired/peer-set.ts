/** Addresses that a tunnel takes packets from, each as often as somebody claims it. */
import { type Cidr, hostCidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";
import { NO_REMOTE } from "../../encap/prefix-columns.ts";
import type { RemoteTable } from "../../encap/remote-table.ts";
import { RemoteTableDraft } from "../../encap/remote-table-draft.ts";
import { RouteTable } from "../kernel/route-table.ts";

export class PeerSet {
  /** The "path" of a row is the number of claims. */
  readonly #claims = { 4: new RouteTable(4), 6: new RouteTable(6) };
  readonly #table = new RemoteTableDraft();

  add(address: IpAddress): void {
    const cidr = hostCidr(address);
    const count = this.#countOf(cidr);
    if (count === 0) this.#table.set(cidr, 0);
    this.#claims[cidr.family].setCidr(cidr, count + 1);
  }

  remove(address: IpAddress): void {
    const cidr = hostCidr(address);
    const count = this.#countOf(cidr);
    if (count > 1) this.#claims[cidr.family].setCidr(cidr, count - 1);
    else if (this.#claims[cidr.family].delete(cidr)) this.#table.set(cidr, NO_REMOTE);
  }

  /** The same object as long as no address comes or goes. */
  build(): Generator<void, RemoteTable> {
    return this.#table.build();
  }

  #countOf(cidr: Cidr): number {
    return Math.max(0, this.#claims[cidr.family].get(cidr));
  }
}

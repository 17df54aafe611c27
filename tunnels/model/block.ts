/** A slice of a pool that belongs to one node. */
import type { Cidr } from "../../encap/address/cidr.ts";
import type { IpAddress } from "../../encap/address/ip-address.ts";

/** An address of the block that another node than the block's own uses. */
export interface BorrowedAddress {
  readonly address: IpAddress;
  readonly node: string;
}

export interface Block {
  readonly kind: "IPAMBlock";
  /** Name of the record. Two records may claim one CIDR; that is a conflict, not an error. */
  readonly name: string;
  readonly cidr: Cidr;
  /** Name of the node in `affinity: host:NAME`; undefined for a virtual or absent affinity. */
  readonly node: string | undefined;
  readonly borrowed: readonly BorrowedAddress[];
}

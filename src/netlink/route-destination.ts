/** The destination of one route message, as a value. */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import { Attributes } from "./attribute.ts";
import { prefixLengthAt, RTA_DST, RTMSG_LENGTH } from "./route.ts";

/** Without RTA_DST the destination is everything. @throws CausewayError if it is malformed. */
export function readDestination(view: DataView, body: number, end: number, family: Family): Cidr {
  const attributes = new Attributes(view, body + RTMSG_LENGTH, end);
  const address = attributes.ip(RTA_DST, family) ?? new IpAddress(family, 0);
  return new Cidr(address, prefixLengthAt(view, body, family));
}

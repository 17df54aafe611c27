/**
 * The order of operations, in one place. Everything a packet needs is there before what sends
 * packets to it, and leaves after it; what changes is replaced in place, never deleted and added.
 */
import type { ObjectKind } from "../kernel/kernel-op.ts";

export interface Stage {
  readonly kind: ObjectKind;
  readonly removes: boolean;
  readonly why: string;
}

export const STAGES: readonly Stage[] = [
  { kind: "sysctl", removes: false, why: "a node that does not forward drops all that follows" },
  {
    kind: "link",
    removes: false,
    why: "everything else is on a device, and the device must be up",
  },
  { kind: "address", removes: false, why: "a route's source must be a local address" },
  {
    kind: "fdb",
    removes: false,
    why: "a neighbour's MAC without a destination is a dropped packet",
  },
  { kind: "neighbour", removes: false, why: "a gateway without a MAC would be asked for, in vain" },
  { kind: "nexthop", removes: false, why: "routes name nexthop objects by id" },
  { kind: "route", removes: false, why: "all that a packet on it needs is there now" },
  { kind: "route", removes: true, why: "more specific routes are in place before these leave" },
  {
    kind: "nexthop",
    removes: true,
    why: "no route names them any more; the kernel would flush one that did",
  },
  { kind: "neighbour", removes: true, why: "no nexthop resolves to them any more" },
  { kind: "fdb", removes: true, why: "no neighbour points to these MACs any more" },
  {
    kind: "address",
    removes: true,
    why: "the last address of a device takes its IPv4 routes with it",
  },
  { kind: "link", removes: true, why: "takes with it whatever is still on it" },
];

// Every difference between the kernel's tunnel devices and our engine that is meant, with its reason. One that is not
// in this table fails the test, and so does a row that nothing needs.

import { DropReason } from "../../../encap/drop-reason.ts";
import type { Difference } from "./compare.ts";
import type { Tunnel } from "./tunnels.ts";
import type { Verdict } from "./verdict.ts";

/** `forward`: from a pod, through the node's routing, into the tunnel. */
export type Direction = "encapsulate" | "forward" | "decapsulate";

/** What is known of the packet that the nodes differ about. */
export interface Occasion {
  readonly tunnel: Tunnel;
  readonly direction: Direction;
  /** What our codec says of it. */
  readonly verdict: Verdict;
}

export interface AllowedDifference {
  readonly name: string;
  readonly directions: readonly Direction[];
  readonly field: string;
  readonly when: (occasion: Occasion, difference: Difference) => boolean;
  readonly reason: string;
}

/** Refusals of what the IP layer of a node would refuse next, or never hand to a device. */
const BAD_INNER: readonly Verdict[] = [
  DropReason.Truncated,
  DropReason.NotIp,
  DropReason.BadHeaderLength,
  DropReason.BadTotalLength,
  DropReason.BadHeaderChecksum,
];

export const ALLOWED: readonly AllowedDifference[] = [
  {
    name: "identification",
    directions: ["encapsulate", "forward"],
    field: "outer identification",
    when: ({ tunnel }) => tunnel.underlay === 4,
    reason: "whatever does not repeat soon will do (RFC 6864); each has a counter of its own",
  },
  {
    name: "source port",
    directions: ["encapsulate", "forward"],
    field: "outer source port",
    when: ({ tunnel }, { kernel, ours }) =>
      tunnel.encap === "vxlan" && [kernel, ours].every((port) => parseInt(port, 16) >= 0x8000),
    reason: "both are chosen by a keyed hash of the inner flow (RFC 7348 section 5)",
  },
  {
    name: "flow label",
    directions: ["encapsulate", "forward"],
    field: "outer flow label",
    when: ({ tunnel }) => tunnel.underlay === 6,
    reason: "any is right (RFC 6437): vxlan writes 0, sockets and ip6tnl hash the flow by a secret",
  },
  {
    name: "bad packets to send",
    directions: ["encapsulate"],
    field: "presence",
    when: ({ verdict }, { ours }) => BAD_INNER.includes(verdict) && ours === "0 sent",
    reason: "no IP layer hands such a packet to a device; a device does not look, we do",
  },
  {
    name: "bytes behind packets to send",
    directions: ["encapsulate"],
    field: "bytes behind the packet",
    when: ({ verdict }) => verdict === DropReason.None,
    reason: "no IP layer hands them to a device, and they are no part of the packet",
  },
  {
    name: "bytes behind received packets",
    directions: ["decapsulate"],
    field: "bytes behind the packet",
    when: ({ verdict }) => verdict === DropReason.None,
    reason: "padding of short frames: the kernel's IP layer cuts it off a step later",
  },
  {
    name: "bad packets received",
    directions: ["decapsulate"],
    field: "device",
    when: ({ verdict }, { ours }) =>
      [...BAD_INNER, DropReason.InnerNotIp].includes(verdict as DropReason) &&
      ours.startsWith("0 "),
    reason: "the kernel's IP layer drops them a step later: no pod gets them either way",
  },
  {
    name: "frames for others",
    directions: ["decapsulate"],
    field: "device",
    when: ({ verdict, tunnel }) =>
      tunnel.encap === "vxlan" && verdict === DropReason.InnerDestinationMac,
    reason: "the kernel's IP layer drops what is not for its MAC: no pod gets it either way",
  },
  {
    name: "impossible senders, out of the device",
    directions: ["decapsulate"],
    field: "device",
    when: ({ verdict, tunnel }, { ours }) =>
      tunnel.encap === "vxlan" && verdict === DropReason.InnerSourceMac && ours.startsWith("0 "),
    reason: "no device has a group's MAC or zero; the kernel looks only when it learns from it",
  },
  {
    name: "impossible senders, to the pod",
    directions: ["decapsulate"],
    field: "pod",
    when: ({ verdict, tunnel }, { ours }) =>
      tunnel.encap === "vxlan" && verdict === DropReason.InnerSourceMac && ours === "",
    reason: "no device has a group's MAC or zero; the kernel looks only when it learns from it",
  },
  {
    name: "strangers, out of the device",
    directions: ["decapsulate"],
    field: "device",
    when: ({ verdict, tunnel }) => tunnel.encap === "vxlan" && verdict === DropReason.UnknownPeer,
    reason: "a vxlan device believes every sender; only nodes of the overlay are believed by us",
  },
  {
    name: "strangers, to the pod",
    directions: ["decapsulate"],
    field: "pod",
    when: ({ verdict, tunnel }, { ours }) =>
      tunnel.encap === "vxlan" && verdict === DropReason.UnknownPeer && ours === "",
    reason: "a vxlan device believes every sender; only nodes of the overlay are believed by us",
  },
];

/** The row that allows a difference, or undefined. */
export function allowedBy(
  occasion: Occasion,
  difference: Difference,
): AllowedDifference | undefined {
  return ALLOWED.find(
    ({ directions, field, when }) =>
      directions.includes(occasion.direction) &&
      field === difference.field &&
      when(occasion, difference),
  );
}

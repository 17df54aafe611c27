/**
 * The order of operations, in one place. Everything a packet needs is there before what sends
 * packets to it, and leaves after it; what changes is replaced in place, never deleted and added.
 */
import type { ObjectKind } from "../kernel/kernel-op.ts";

export interface Stage {
  /** `forwarding` is not the kernel's: what the data path of the TUN device goes by. */
  readonly kind: ObjectKind | "forwarding";
  readonly removes: boolean;
  /**
   * `awaited`: what follows is planned from what became of it. `chained`: what follows is on its way
   * before that is known, and is cancelled if it failed.
   */
  readonly pace: "awaited" | "chained";
  readonly why: string;
}

/** The stages that only userspace tunnels have. They are asked for in every pass. */
export interface ForwardingStages {
  /** True if what is wanted now is not in force and can be. */
  readonly isDirty: boolean;
  /** Puts in force what is wanted, beside what was. Failures are told by other ways. */
  widen(): Promise<void>;
  /** Takes out of force what is no longer wanted. */
  narrow(): Promise<void>;
}

/** A stage of operations on the kernel. */
export type OpStage = Stage & { readonly kind: ObjectKind };

export function isOpStage(stage: Stage): stage is OpStage {
  return stage.kind !== "forwarding";
}

export const STAGES: readonly Stage[] = [
  adds("sysctl", "a node that does not forward drops all that follows", "awaited"),
  adds("link", "everything else is on a device, and the device must be up", "awaited"),
  adds("address", "a route's source must be a local address"),
  adds("fdb", "a neighbour's MAC without a destination is a dropped packet"),
  adds("neighbour", "a gateway without a MAC would be asked for, in vain"),
  adds("nexthop", "routes name nexthop objects by id"),
  adds("forwarding", "the data path drops what a route gives it and nobody told it of"),
  adds("route", "all that a packet on it needs is there now"),
  removes("route", "more specific routes are in place before these leave"),
  removes("nexthop", "no route names them any more; the kernel would flush one that did"),
  removes("neighbour", "no nexthop resolves to them any more"),
  removes("fdb", "no neighbour points to these MACs any more"),
  removes("address", "the last address of a device takes its IPv4 routes with it"),
  removes("forwarding", "no route leads to what leaves the data path, and its device is there"),
  removes("link", "takes with it whatever is still on it"),
];

function adds(kind: Stage["kind"], why: string, pace: Stage["pace"] = "chained"): Stage {
  return { kind, removes: false, pace, why };
}

function removes(kind: Stage["kind"], why: string): Stage {
  return { kind, removes: true, pace: "awaited", why };
}

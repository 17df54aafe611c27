/** One operation as netlink messages. */
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { parentOf } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields } from "../../tunnels/kernel/link-change.ts";
import { writeAddressAdd, writeAddressDelete } from "./address.ts";
import type { DeviceIndexes } from "./device-table.ts";
import { writeFdbDelete, writeFdbReplace } from "./fdb.ts";
import { writeLinkAdd, writeLinkChange, writeLinkDelete } from "./link.ts";
import type { MessageWriter } from "./message-writer.ts";
import { writeNeighbourDelete, writeNeighbourReplace } from "./neighbour.ts";
import { writeNexthopDelete, writeNexthopSet } from "./nexthop.ts";
import { writeRouteDelete, writeRouteSet } from "./route.ts";

export type NetlinkOp = Exclude<KernelOp, { kind: "sysctl" }>;

/** Instead of a number of messages: a device of the operation is not known. */
export const UNKNOWN_DEVICE = -1;

/**
 * Writes the operation with sequence numbers from `sequence` up and returns how many messages that
 * took, 0 to 2; or UNKNOWN_DEVICE, and nothing is written.
 * @param newIndex the number that a new device asks for; 0: the kernel chooses
 */
export function encodeOp(
  writer: MessageWriter,
  op: NetlinkOp,
  devices: DeviceIndexes,
  sequence: number,
  newIndex = 0,
): number {
  if (op.kind === "link") return encodeLinkOp(writer, op, devices, sequence, newIndex);
  const device = deviceOf(op);
  const ifindex = device === undefined ? 0 : devices.indexOf(device);
  if (ifindex === undefined) return UNKNOWN_DEVICE;
  switch (op.kind) {
    case "route":
      if (op.verb === "delete") writeRouteDelete(writer, sequence, op.object, ifindex);
      else writeRouteSet(writer, sequence, op.object, ifindex, op.verb);
      return 1;
    case "nexthop":
      if (op.verb === "delete") writeNexthopDelete(writer, sequence, op.object.id);
      else writeNexthopSet(writer, sequence, op.object, ifindex, op.verb);
      return 1;
    case "neighbour":
      if (op.verb === "delete") writeNeighbourDelete(writer, sequence, op.object, ifindex);
      else writeNeighbourReplace(writer, sequence, op.object, ifindex);
      return 1;
    case "fdb":
      if (op.verb === "delete") writeFdbDelete(writer, sequence, op.object, ifindex);
      else writeFdbReplace(writer, sequence, op.object, ifindex);
      return 1;
    case "address":
      if (op.verb === "delete") writeAddressDelete(writer, sequence, op.object, ifindex);
      else writeAddressAdd(writer, sequence, op.object, ifindex);
      return 1;
  }
}

/** The device whose number the operation needs; undefined if it needs none. */
export function deviceOf(op: NetlinkOp): string | undefined {
  switch (op.kind) {
    case "link":
      return op.verb === "delete" ? undefined : parentOf(op.object.tunnel);
    case "route":
      return op.object.path.device;
    case "nexthop":
      return op.verb === "delete" ? undefined : op.object.device;
    default:
      return op.object.device;
  }
}

function encodeLinkOp(
  writer: MessageWriter,
  op: Extract<NetlinkOp, { kind: "link" }>,
  devices: DeviceIndexes,
  sequence: number,
  newIndex: number,
): number {
  if (op.verb === "delete") {
    writeLinkDelete(writer, sequence, op.object.name);
    return 1;
  }
  const parent = deviceOf(op);
  const parentIndex = parent === undefined ? 0 : devices.indexOf(parent);
  if (parentIndex === undefined) return UNKNOWN_DEVICE;
  if (op.verb === "add" && op.object.tunnel?.kind === "tun") {
    // It is there already (`makeTun`), as bare as it can be.
    return writeLinkChange(writer, sequence, op.object, ALWAYS, parentIndex);
  }
  if (op.verb === "add") {
    writeLinkAdd(writer, sequence, op.object, parentIndex, newIndex);
    return 1;
  }
  const differing = op.actual === undefined ? ALWAYS : differingFields(op.actual, op.object);
  return writeLinkChange(writer, sequence, op.object, differing, parentIndex);
}

/** What a replace sets if the planner did not say what is there. */
const ALWAYS: readonly string[] = ["mtu", "mac", "up"];

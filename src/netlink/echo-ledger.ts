/**
 * Our own changes come back as events. Most carry the port id of the socket that made them and are
 * dropped by that; but the kernel announces FDB entries, IPv6 addresses and deleted neighbours as
 * if nobody had made them (port id 0). Those are expected here and crossed off when they come.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { MacAddress } from "../../encap/address/mac-address.ts";
import type { DeviceTable } from "./device-table.ts";
import { RTM_DELADDR, RTM_DELNEIGH, RTM_NEWADDR, RTM_NEWNEIGH } from "./message.ts";
import type { NetlinkOp } from "./op-encoder.ts";

export class EchoLedger {
  /** Set while somebody listens; without events nothing is to be expected. */
  isActive = false;
  /** Called when all changes are made: their echoes are in the event socket's queue by now. */
  onNoMore: () => void = () => undefined;
  readonly #expected = new Map<string, number>();

  /** Notes which event the operation will cause. It may cause none if nothing changes. */
  expect(op: NetlinkOp, devices: DeviceTable): void {
    if (!this.isActive) return;
    const key = keyOfOp(op, devices);
    if (key !== undefined) this.#expected.set(key, (this.#expected.get(key) ?? 0) + 1);
  }

  /** True if the event was expected, and crosses it off. */
  takes(key: string): boolean {
    const count = this.#expected.get(key);
    if (count === undefined) return false;
    if (count === 1) this.#expected.delete(key);
    else this.#expected.set(key, count - 1);
    return true;
  }

  expectNoMore(): void {
    if (this.#expected.size > 0) this.onNoMore();
  }

  /** Once the queue was empty after that, what did not come never will. */
  clear(): void {
    this.#expected.clear();
  }
}

export function fdbEcho(
  type: number,
  ifindex: number,
  mac: MacAddress | undefined,
  destination: IpAddress | undefined,
): string {
  // A deletion names whatever destination there was.
  return `${type} ${ifindex} ${mac} ${type === RTM_DELNEIGH ? "" : destination}`;
}

export function ipEcho(type: number, ifindex: number, ip: IpAddress): string {
  return `${type} ${ifindex} ${ip}`;
}

function keyOfOp(op: NetlinkOp, devices: DeviceTable): string | undefined {
  if (op.kind !== "fdb" && op.kind !== "neighbour" && op.kind !== "address") return undefined;
  const ifindex = devices.indexOf(op.object.device) ?? 0;
  const isDelete = op.verb === "delete";
  switch (op.kind) {
    case "fdb": {
      const type = isDelete ? RTM_DELNEIGH : RTM_NEWNEIGH;
      return fdbEcho(type, ifindex, op.object.mac, op.object.destination);
    }
    case "neighbour":
      return isDelete ? ipEcho(RTM_DELNEIGH, ifindex, op.object.ip) : undefined;
    case "address":
      if (op.object.ip.family === 4) return undefined;
      return ipEcho(isDelete ? RTM_DELADDR : RTM_NEWADDR, ifindex, op.object.ip);
  }
}

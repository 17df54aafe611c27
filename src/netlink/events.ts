/** Events of the kernel as KernelChange values, without the echoes of our own changes. */
import type { KernelChange } from "../../tunnels/kernel/kernel.ts";
import { isOurNexthop } from "../../tunnels/kernel/ownership.ts";
import { CausewayError } from "../errors.ts";
import { readAddress } from "./address.ts";
import { HOST_ORDER } from "./byte-order.ts";
import type { DeviceTable } from "./device-table.ts";
import { type EchoLedger, fdbEcho, ipEcho } from "./echo-ledger.ts";
import { type EventSink, EventSocket } from "./event-socket.ts";
import { isFdbMessage, readFdbRow } from "./fdb.ts";
import { isForeignLinkFamily, readLinkState } from "./link.ts";
import {
  type Message,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELNEXTHOP,
  RTM_DELROUTE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
} from "./message.ts";
import { readNdmsg, readNeighbourIp } from "./neighbour.ts";
import { readNexthop } from "./nexthop.ts";
import type { RouteRows } from "./route-rows.ts";

export interface EventParts {
  readonly devices: DeviceTable;
  readonly rows: RouteRows;
  readonly echoes: EchoLedger;
  /** Port id of the socket that makes our changes. */
  readonly ownPortId: number;
  readonly listener: (change: KernelChange) => void;
}

export class Events implements EventSink {
  readonly #parts: EventParts;
  readonly #socket: EventSocket;
  /** FDB events that others caused, by ifindex: a dump they came into is not to be trusted. */
  readonly #fdbEvents = new Map<number, number>();
  #mayForgetEchoes = false;
  #onDrained: (() => void)[] = [];

  constructor(netns: string | undefined, parts: EventParts) {
    this.#parts = parts;
    this.#socket = new EventSocket(netns, parts.ownPortId, this);
    parts.echoes.isActive = true;
    parts.echoes.onNoMore = () => {
      this.#mayForgetEchoes = true;
      setImmediate(() => this.#socket.poll());
    };
  }

  /** Resolves when everything that the kernel had queued by now has been delivered. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#onDrained.push(resolve);
      this.#socket.poll();
    });
  }

  pauseRoutes(): void {
    this.#socket.pauseRoutes();
  }

  resumeRoutes(): void {
    this.#socket.resumeRoutes();
  }

  /** Counts the FDB events of others on a device since the start. */
  fdbEventsOf(ifindex: number): number {
    return this.#fdbEvents.get(ifindex) ?? 0;
  }

  close(): void {
    this.#parts.echoes.isActive = false;
    this.#socket.close();
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  event(message: Message): void {
    if (message.portId === this.#parts.ownPortId) return;
    const change = this.#changeOrLoss(message);
    if (change !== undefined) this.#parts.listener(change);
  }

  overrun(): void {
    this.#parts.listener({ kind: "overrun" });
  }

  drained(): void {
    if (this.#mayForgetEchoes) {
      this.#mayForgetEchoes = false;
      this.#parts.echoes.clear();
    }
    for (const resolve of this.#onDrained.splice(0)) resolve();
  }

  /** An event that cannot be read is as good as lost. */
  #changeOrLoss(message: Message): KernelChange | undefined {
    try {
      return this.#changeOf(message);
    } catch (error) {
      if (error instanceof CausewayError) return { kind: "overrun" };
      throw error;
    }
  }

  #changeOf(message: Message): KernelChange | undefined {
    switch (message.type) {
      case RTM_NEWROUTE:
      case RTM_DELROUTE: {
        const row = this.#parts.rows.read(message);
        return row && { kind: "route", ...row, deleted: message.type === RTM_DELROUTE };
      }
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH:
        return isFdbMessage(message) ? this.#fdbChange(message) : this.#neighbourChange(message);
      case RTM_NEWLINK:
      case RTM_DELLINK:
        return this.#linkChange(message);
      case RTM_NEWADDR:
      case RTM_DELADDR:
        return this.#addressChange(message);
      case RTM_NEWNEXTHOP:
      case RTM_DELNEXTHOP: {
        const nexthop = readNexthop(message, this.#parts.devices);
        const deleted = message.type === RTM_DELNEXTHOP;
        return { kind: "nexthop", id: nexthop.id, owned: isOurNexthop(nexthop), deleted };
      }
      default:
        return undefined;
    }
  }

  #linkChange(message: Message): KernelChange | undefined {
    if (isForeignLinkFamily(message)) return undefined;
    const { name, ifindex, up } = readLinkState(message);
    const deleted = message.type === RTM_DELLINK;
    if (deleted) this.#parts.devices.forgetIndex(ifindex);
    else this.#parts.devices.set(name, ifindex);
    return { kind: "link", device: name, ifindex, up: up && !deleted, deleted };
  }

  #addressChange(message: Message): KernelChange | undefined {
    const { devices, echoes } = this.#parts;
    const address = readAddress(message, devices);
    if (address === undefined) return undefined;
    const ifindex = message.view.getUint32(message.body + 4, HOST_ORDER);
    if (echoes.takes(ipEcho(message.type, ifindex, address.ip))) return undefined;
    const deleted = message.type === RTM_DELADDR;
    return { kind: "address", device: address.device, deleted };
  }

  #neighbourChange(message: Message): KernelChange | undefined {
    const { devices, echoes } = this.#parts;
    const { ifindex } = readNdmsg(message);
    const ip = readNeighbourIp(message);
    if (ip === undefined || echoes.takes(ipEcho(message.type, ifindex, ip))) return undefined;
    const deleted = message.type === RTM_DELNEIGH;
    return { kind: "neighbour", device: devices.nameOf(ifindex), deleted };
  }

  #fdbChange(message: Message): KernelChange | undefined {
    const { devices, echoes } = this.#parts;
    const { ifindex, mac, destination } = readFdbRow(message);
    if (echoes.takes(fdbEcho(message.type, ifindex, mac, destination))) return undefined;
    this.#fdbEvents.set(ifindex, this.fdbEventsOf(ifindex) + 1);
    const deleted = message.type === RTM_DELNEIGH;
    return { kind: "fdb", device: devices.nameOf(ifindex), deleted };
  }
}

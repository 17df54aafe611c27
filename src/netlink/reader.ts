/** Reads kernel objects through the worker: asks, decodes, and asks again where a dump was disturbed. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Family } from "../../encap/address/ip-address.ts";
import type { RouteVisitor } from "../../tunnels/kernel/kernel.ts";
import {
  type Address,
  addressKey,
  type FdbEntry,
  type Link,
  type Neighbour,
  type Nexthop,
  ROUTE_PROTOCOL,
  type UnderlayRoute,
} from "../../tunnels/kernel/kernel-state.ts";
import { CausewayError } from "../errors.ts";
import { errnoName } from "../native/errno.ts";
import { readAddress, writeAddressDump } from "./address.ts";
import type { DeviceTable } from "./device-table.ts";
import { readFdbEntry, writeFdbDump } from "./fdb.ts";
import {
  isForeignLinkFamily,
  readLink,
  readLinkState,
  writeLinkDump,
  writeLinkGet,
} from "./link.ts";
import {
  type Message,
  messagesIn,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWNEXTHOP,
  RTM_NEWROUTE,
} from "./message.ts";
import { MessageWriter } from "./message-writer.ts";
import { readNeighbour, writeNeighbourDump } from "./neighbour.ts";
import { describeFailure } from "./netlink-error.ts";
import { readNexthop, writeNexthopDump } from "./nexthop.ts";
import { RTN_UNICAST, readRouteDetail, writeRouteDump } from "./route.ts";
import { readDestination } from "./route-destination.ts";
import type { RouteRows } from "./route-rows.ts";
import type { WorkerClient } from "./worker-client.ts";

/**
 * How often a dump is asked for before its last answer is taken as it is. Somebody else may change
 * objects without end; what a disturbed dump missed comes as an event or in the next read-back.
 */
const TRIES = 6;

/** Never reached by counting. */
const FINGERPRINT_SEQUENCE = 0xffffffff;

type Write = (writer: MessageWriter, sequence: number) => void;

export class Reader {
  readonly #client: WorkerClient;
  readonly #devices: DeviceTable;
  readonly #rows: RouteRows;
  #sequence = 0;

  constructor(client: WorkerClient, devices: DeviceTable, rows: RouteRows) {
    this.#client = client;
    this.#devices = devices;
    this.#rows = rows;
  }

  /** All links; brings the table of devices up to date on the way. */
  async links(): Promise<Map<string, Link>> {
    const messages = await this.#messages("links", RTM_NEWLINK, writeLinkDump);
    // Names first: a link's parent may come after it.
    const own = messages.filter((message) => !isForeignLinkFamily(message));
    const present = new Set<number>();
    for (const message of own) {
      const { name, ifindex } = readLinkState(message);
      present.add(ifindex);
      this.#devices.set(name, ifindex);
    }
    this.#devices.keepOnly(present);
    const links = new Map<string, Link>();
    for (const message of own) {
      const link = readLink(message, this.#devices);
      links.set(link.name, link);
    }
    return links;
  }

  /** Looks one name up again, after it was changed or because it was never seen. */
  async refreshDevice(name: string): Promise<void> {
    const found: Message[] = [];
    const { failure } = await this.#client.read(
      this.#request((writer, sequence) => writeLinkGet(writer, sequence, name)),
      (view, length) => {
        for (const message of messagesIn(copyOf(view, length), length)) {
          if (message.type === RTM_NEWLINK) found.push(message);
        }
      },
    );
    const link = found[0];
    if (failure === undefined && link !== undefined) {
      this.#devices.set(name, readLinkState(link).ifindex);
    } else this.#devices.forgetName(name);
  }

  async addresses(): Promise<Map<string, Address>> {
    const addresses = await this.#objects("addresses", RTM_NEWADDR, writeAddressDump, (message) =>
      readAddress(message, this.#devices),
    );
    return new Map(addresses.map((address) => [addressKey(address), address]));
  }

  /** The permanent rows of one family on one device; none if it is gone. */
  async neighbours(device: string, family: Family): Promise<Neighbour[]> {
    const ifindex = this.#devices.indexOf(device);
    if (ifindex === undefined) return [];
    const write: Write = (writer, sequence) =>
      writeNeighbourDump(writer, sequence, family, ifindex);
    const rows = await this.#objects("neighbours", RTM_NEWNEIGH, write, (message) =>
      readNeighbour(message, this.#devices),
    );
    // Kernels before strict checking do not filter by device.
    return rows.filter((row) => row.permanent && row.device === device);
  }

  /** The permanent FDB entries of one device; none if it is gone. */
  async fdb(device: string): Promise<FdbEntry[]> {
    const ifindex = this.#devices.indexOf(device);
    if (ifindex === undefined) return [];
    const write: Write = (writer, sequence) => writeFdbDump(writer, sequence, ifindex);
    const rows = await this.#objects("FDB entries", RTM_NEWNEIGH, write, (message) =>
      readFdbEntry(message, this.#devices),
    );
    return rows.filter((row) => row.device === device);
  }

  async nexthops(): Promise<Map<number, Nexthop>> {
    const nexthops = await this.#objects("nexthops", RTM_NEWNEXTHOP, writeNexthopDump, (message) =>
      readNexthop(message, this.#devices),
    );
    return new Map(nexthops.map((nexthop) => [nexthop.id, nexthop]));
  }

  /** If the kernel says that the dump was disturbed, the visitor gets all rows once more. */
  async routes(family: Family, visitor: RouteVisitor): Promise<void> {
    await this.#dump(
      "routes",
      (writer, sequence) => writeRouteDump(writer, sequence, family),
      (view, length) => this.#rows.visit(view, length, family, visitor),
      () => undefined,
    );
  }

  /** The same text as long as no route of the main table changes; undefined if it cannot be told. */
  async routesFingerprint(family: Family): Promise<string | undefined> {
    const writer = new MessageWriter(0);
    // Always the same number: every message of the answer repeats it.
    writeRouteDump(writer, FINGERPRINT_SEQUENCE, family);
    const { interrupted, failure, fingerprint } = await this.#client.fingerprint(
      writer.bytes.slice(),
    );
    return interrupted || failure !== undefined ? undefined : fingerprint;
  }

  async underlayRoutes(family: Family, device: string): Promise<UnderlayRoute[]> {
    const ifindex = this.#devices.indexOf(device);
    if (ifindex === undefined) return [];
    const routes: UnderlayRoute[] = [];
    let nexthops: Map<number, Nexthop> | undefined;
    const messages = await this.#messages(
      "routes of the underlay",
      RTM_NEWROUTE,
      (writer, sequence) => writeRouteDump(writer, sequence, family, ifindex),
      isForeignUnicast,
    );
    for (const { view, body, end } of messages) {
      const { path, legs, metric } = readRouteDetail(view, body, end, this.#devices);
      const destination = readDestination(view, body, end, family);
      let leg = legs.find((candidate) => candidate.device === device);
      if (leg === undefined && path.nexthopId !== undefined) {
        // With net.ipv4.nexthop_compat_mode=0 only the id is there.
        nexthops ??= await this.nexthops();
        leg = nexthops.get(path.nexthopId);
      }
      if (leg?.device !== device) continue;
      routes.push({ destination, gateway: leg.gateway, device, metric });
    }
    return routes;
  }

  /** undefined if all went well, else the kernel's errno and words. */
  async probe(write: Write): Promise<{ code: string; message: string } | undefined> {
    const { failure } = await this.#client.read(this.#request(write), () => undefined);
    if (failure === undefined) return undefined;
    return { code: errnoName(failure.errno), message: describeFailure(failure) };
  }

  /** Objects decoded as they come, in the short slices in which the worker's answers are taken. */
  async #objects<T>(
    what: string,
    type: number,
    write: Write,
    read: (message: Message) => T | undefined,
  ): Promise<T[]> {
    let objects: T[] = [];
    const onPiece = (view: DataView, length: number): void => {
      for (const message of messagesIn(view, length)) {
        const object = message.type === type ? read(message) : undefined;
        if (object !== undefined) objects.push(object);
      }
    };
    await this.#dump(what, write, onPiece, () => {
      objects = [];
    });
    // What is made of thousands of them is no part of the last slice.
    await nextTurn();
    return objects;
  }

  /** Copies of the messages of one type. */
  async #messages(
    what: string,
    type: number,
    write: Write,
    accepts: (message: Message) => boolean = () => true,
  ): Promise<Message[]> {
    let messages: Message[] = [];
    const onPiece = (view: DataView, length: number): void => {
      for (const message of messagesIn(copyOf(view, length), length)) {
        if (message.type === type && accepts(message)) messages.push(message);
      }
    };
    await this.#dump(what, write, onPiece, () => {
      messages = [];
    });
    return messages;
  }

  async #dump(
    what: string,
    write: Write,
    onPiece: (view: DataView, length: number) => void,
    onRestart: () => void,
  ): Promise<void> {
    for (let tries = 1; ; tries++) {
      const { interrupted, failure } = await this.#client.read(this.#request(write), onPiece);
      if (failure !== undefined) {
        const errno = errnoName(failure.errno);
        // The main table is made for its first route (inet_dump_fib in net/ipv4/fib_frontend.c).
        if (errno === "ENOENT") return;
        const code = errno === "EPERM" ? "not-permitted" : "kernel";
        throw new CausewayError(
          code,
          `cannot read the kernel's ${what}: ${describeFailure(failure)}`,
        );
      }
      if (!interrupted || tries === TRIES) return;
      onRestart();
    }
  }

  #request(write: Write): Uint8Array {
    const writer = new MessageWriter(0);
    this.#sequence = (this.#sequence + 1) >>> 0;
    write(writer, this.#sequence);
    return writer.bytes.slice();
  }
}

function copyOf(view: DataView, length: number): DataView {
  return new DataView(new Uint8Array(view.buffer, view.byteOffset, length).slice().buffer);
}

/** Told from rtmsg alone, because our own routes through the parent may be 100,000. */
function isForeignUnicast({ view, body }: Message): boolean {
  return view.getUint8(body + 5) !== ROUTE_PROTOCOL && view.getUint8(body + 7) === RTN_UNICAST;
}

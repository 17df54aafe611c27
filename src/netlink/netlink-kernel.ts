/**
 * The kernel, through rtnetlink. Changes and dumps are made by a worker thread, each on a socket of
 * its own; events come to the main thread on a third.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Family } from "../../encap/address/ip-address.ts";
import type {
  Chain,
  Kernel,
  KernelChange,
  KernelFeatures,
  OpFailure,
  RouteVisitor,
} from "../../tunnels/kernel/kernel.ts";
import {
  type Address,
  type FdbEntry,
  fdbKey,
  type Link,
  type Neighbour,
  type Nexthop,
  neighbourKey,
  type Sysctl,
  type UnderlayRoute,
} from "../../tunnels/kernel/kernel-state.ts";
import type { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { KernelOps } from "../../tunnels/kernel/route-batch.ts";
import { CausewayError } from "../errors.ts";
import { Applier } from "./applier.ts";
import { DeviceTable } from "./device-table.ts";
import { EchoLedger } from "./echo-ledger.ts";
import { Events } from "./events.ts";
import { probeFeatures } from "./features.ts";
import { Reader } from "./reader.ts";
import { RouteRows } from "./route-rows.ts";
import { WorkerClient } from "./worker-client.ts";

export interface NetlinkOptions {
  /** Path of a network namespace, as "/run/netns/NAME"; by default the process's own. */
  readonly netns?: string;
}

/** How often an FDB dump is made again because the FDB changed meanwhile. */
const FDB_TRIES = 4;

interface Parts {
  readonly netns: string | undefined;
  readonly client: WorkerClient;
  readonly writePortId: number;
  readonly devices: DeviceTable;
  readonly rows: RouteRows;
  readonly reader: Reader;
  readonly features: KernelFeatures;
}

export class NetlinkKernel implements Kernel {
  readonly features: KernelFeatures;
  readonly paths: PathTable;
  readonly #parts: Parts;
  readonly #echoes = new EchoLedger();
  readonly #applier: Applier;
  #events: Events | undefined;
  #lastApply: Promise<unknown> = Promise.resolve();

  private constructor(paths: PathTable, parts: Parts) {
    this.paths = paths;
    this.features = parts.features;
    this.#parts = parts;
    this.#applier = new Applier(parts.client, parts.devices, parts.reader, this.#echoes);
  }

  /**
   * Opens the sockets and finds out what the kernel can do.
   * @throws CausewayError "not-permitted" without CAP_NET_ADMIN, "kernel" for anything else.
   */
  static async open(paths: PathTable, options: NetlinkOptions = {}): Promise<NetlinkKernel> {
    const { netns } = options;
    const { client, writePortId } = await WorkerClient.start(netns);
    try {
      const devices = new DeviceTable();
      const rows = new RouteRows(paths, devices);
      const reader = new Reader(client, devices, rows);
      await reader.links();
      const features = await probeFeatures(reader, client);
      return new NetlinkKernel(paths, {
        netns,
        client,
        writePortId,
        devices,
        rows,
        reader,
        features,
      });
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  get writeCount(): number {
    return this.#applier.writeCount;
  }

  /** `performance.now()` when the first change was handed to the kernel. */
  get firstWriteAt(): number | undefined {
    return this.#applier.firstWriteAt;
  }

  /** `performance.now()` when the kernel had answered the last change. */
  get lastAckAt(): number | undefined {
    return this.#applier.lastAckAt;
  }

  readLinks(): Promise<Map<string, Link>> {
    return this.#parts.reader.links();
  }

  readAddresses(): Promise<Map<string, Address>> {
    return this.#parts.reader.addresses();
  }

  async readNeighbours(names: readonly string[]): Promise<Map<string, Neighbour>> {
    const neighbours = new Map<string, Neighbour>();
    const families: Family[] = this.features.ipv6 ? [4, 6] : [4];
    for (const device of names) {
      if (!(await this.#hasDevice(device))) continue;
      for (const family of families) {
        for (const row of await this.#parts.reader.neighbours(device, family)) {
          neighbours.set(neighbourKey(row), row);
        }
        // Whoever asked compares thousands of them, in a turn of its own.
        await nextTurn();
      }
    }
    return neighbours;
  }

  async readFdb(names: readonly string[]): Promise<Map<string, FdbEntry>> {
    const entries = new Map<string, FdbEntry>();
    for (const device of names) {
      if (!(await this.#hasDevice(device))) continue;
      for (const entry of await this.#readFdbInPeace(device)) entries.set(fdbKey(entry), entry);
      await nextTurn();
    }
    return entries;
  }

  async readNexthops(): Promise<Map<number, Nexthop>> {
    return this.features.nexthopObjects ? this.#parts.reader.nexthops() : new Map();
  }

  readRoutes(family: Family, visitor: RouteVisitor): Promise<void> {
    return this.#parts.reader.routes(family, visitor);
  }

  routesFingerprint(family: Family): Promise<string | undefined> {
    return this.#parts.reader.routesFingerprint(family);
  }

  async readUnderlayRoutes(family: Family, device: string): Promise<UnderlayRoute[]> {
    if (!(await this.#hasDevice(device))) return [];
    return this.#parts.reader.underlayRoutes(family, device);
  }

  async readSysctls(names: readonly string[]): Promise<Map<string, Sysctl>> {
    const values = await this.#parts.client.readSysctls(names);
    return new Map([...values].map(([name, value]) => [name, { name, value }]));
  }

  async prepare(ops: KernelOps): Promise<void> {
    this.#applier.prepare(ops);
    await nextTurn();
  }

  async apply(ops: KernelOps, chain?: Chain): Promise<OpFailure[]> {
    const result = this.#applier.apply(ops, chain);
    this.#lastApply = result.catch(() => undefined);
    const failures = await result;
    await this.#events?.settled();
    return failures;
  }

  pauseRouteEvents(): void {
    this.#events?.pauseRoutes();
  }

  resumeRouteEvents(): void {
    this.#events?.resumeRoutes();
  }

  async watch(listener: (change: KernelChange) => void): Promise<void> {
    if (this.#events !== undefined) throw new CausewayError("internal", "events have a listener");
    const { netns, devices, rows, writePortId } = this.#parts;
    const echoes = this.#echoes;
    this.#events = new Events(netns, { devices, rows, echoes, ownPortId: writePortId, listener });
    // Links may have changed before the subscription.
    await this.#parts.reader.links();
  }

  async close(): Promise<void> {
    this.#events?.close();
    await this.#lastApply;
    await this.#parts.client.close();
  }

  /** Looks a device up that was never seen; it may be newer than the last list of links. */
  async #hasDevice(name: string): Promise<boolean> {
    const { devices, reader } = this.#parts;
    if (devices.indexOf(name) === undefined) await reader.refreshDevice(name);
    return devices.indexOf(name) !== undefined;
  }

  /**
   * A dump of the FDB walks its hash table by position: entries that come or go meanwhile push
   * others out of it or into it twice, and the kernel does not tell.
   */
  async #readFdbInPeace(device: string): Promise<FdbEntry[]> {
    const { devices, reader } = this.#parts;
    for (let tries = 1; ; tries++) {
      await this.#events?.settled();
      const before = this.#events?.fdbEventsOf(devices.indexOf(device) ?? 0);
      const entries = await reader.fdb(device);
      await this.#events?.settled();
      const after = this.#events?.fdbEventsOf(devices.indexOf(device) ?? 0);
      if (before === after || tries === FDB_TRIES) return entries;
    }
  }
}

/**
 * Route messages by template: of the messages of a path only sequence number, prefix length and
 * destination differ, so that writing one is copying some forty bytes.
 */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { RouteOp } from "../../tunnels/kernel/kernel-op.ts";
import type { RouteBatch } from "../../tunnels/kernel/route-batch.ts";
import type { DeviceTable } from "./device-table.ts";
import { NLMSG_HDRLEN } from "./message.ts";
import { MessageWriter } from "./message-writer.ts";
import { encodeOp, UNKNOWN_DEVICE } from "./op-encoder.ts";
import { RTMSG_LENGTH } from "./route.ts";

/** The destination is the first attribute: its payload follows the two headers and its own. */
const DESTINATION_AT = NLMSG_HDRLEN + RTMSG_LENGTH + 4;

/** Any prefix with a destination attribute; a default route has none. */
const SAMPLE: Readonly<Record<Family, Cidr>> = {
  4: new Cidr(new IpAddress(4, 0), 1),
  6: new Cidr(new IpAddress(6, 0, 0, 0, 0), 1),
};

type Templates = (Uint8Array | undefined)[];

export class RouteTemplates {
  readonly #devices: DeviceTable;
  readonly #scratch = new MessageWriter(0);
  /** By verb, then by number of the path. */
  #byVerb: Record<RouteOp["verb"], Templates> = { add: [], replace: [], delete: [] };
  /** Messages hold numbers of devices, so a change of the devices makes all of them stale. */
  #generation = -1;

  constructor(devices: DeviceTable) {
    this.#devices = devices;
  }

  /**
   * Writes the message of operation `at`; false, and nothing is written, if there is no template for
   * it: a device that is not known, or a default route.
   */
  write(writer: MessageWriter, batch: RouteBatch, at: number, sequence: number): boolean {
    const length = batch.lengthOf(at);
    const template = length === 0 ? undefined : this.#templateOf(batch, at);
    if (template === undefined) return false;
    writer.copy(template, sequence);
    writer.patchByte(NLMSG_HDRLEN + 1, length);
    writer.patchWord(DESTINATION_AT, batch.wordOf(at, 0));
    if (batch.family === 6) {
      for (let word = 1; word < 4; word++) {
        writer.patchWord(DESTINATION_AT + 4 * word, batch.wordOf(at, word));
      }
    }
    return true;
  }

  /** True if the message of operation `at` holds the number of a device. */
  namesDevice(batch: RouteBatch, at: number): boolean {
    return batch.paths.get(batch.pathOf(at)).device !== undefined;
  }

  #templateOf(batch: RouteBatch, at: number): Uint8Array | undefined {
    if (this.#generation !== this.#devices.generation) {
      this.#generation = this.#devices.generation;
      this.#byVerb = { add: [], replace: [], delete: [] };
    }
    const templates = this.#byVerb[batch.verb];
    const path = batch.pathOf(at);
    templates[path] ??= this.#encode(batch.at(at));
    return templates[path];
  }

  #encode(op: RouteOp): Uint8Array | undefined {
    const { family, path } = { family: op.object.destination.family, path: op.object.path };
    const sample: RouteOp = { ...op, object: { destination: SAMPLE[family], path } };
    const writer = this.#scratch;
    writer.reset();
    if (encodeOp(writer, sample, this.#devices, 0) === UNKNOWN_DEVICE) return undefined;
    return writer.bytes.slice();
  }
}

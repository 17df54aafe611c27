/** A captured packet on one line: for people, and as JSON. */
import { capturedLayers } from "../../encap/capture/captured-layers.ts";
import type { CapturedPacket } from "../../encap/capture/captured-packet.ts";
import { linkTypeOf } from "../../encap/capture/link-types.ts";
import { DropReason, dropReasonName, dropReasonText } from "../../encap/drop-reason.ts";
import type { IpLayer, PacketLayer } from "../../encap/packet-layer.ts";
import { packetRefusal } from "../../encap/packet-refusal.ts";
import { packetSummary } from "../../encap/packet-summary.ts";

export interface DecodedPacket {
  readonly packet: CapturedPacket;
  /** Undefined if the link type is none that can be read. */
  readonly layers: readonly PacketLayer[] | undefined;
  readonly refusal: DropReason;
}

export function decodePacket(packet: CapturedPacket, vxlanPorts: readonly number[]): DecodedPacket {
  const link = linkTypeOf(packet.linkType);
  if (link === undefined) return { packet, layers: undefined, refusal: DropReason.None };
  const layers = capturedLayers(packet, link, vxlanPorts);
  return { packet, layers, refusal: packetRefusal(layers) };
}

/** "14:44:45.123456  114  IP 192.0.2.1.43870 > 192.0.2.2.4789: VXLAN vni 4096: IP …" */
export function packetText({ packet, layers, refusal }: DecodedPacket): string {
  const { time, linkType, length } = packet;
  const clock = time === undefined ? "--:--:--.------" : timeOfDay(time);
  return `${clock}  ${String(length).padStart(5)}  ${whatText(linkType, layers, refusal)}`;
}

function whatText(
  linkType: number,
  layers: readonly PacketLayer[] | undefined,
  refusal: DropReason,
): string {
  if (layers === undefined) return `link type ${linkType}, which is not known here`;
  const summary = packetSummary(layers, { ethernet: layers.some(hasVlans) });
  const isTold = refusal === DropReason.None || layers.at(-1)?.kind === "refused";
  return isTold ? summary : `${summary} [refused: ${dropReasonText(refusal)}]`;
}

function hasVlans(layer: PacketLayer): boolean {
  return (layer.kind === "ethernet" || layer.kind === "cooked") && layer.vlans.length > 0;
}

/** Everything that is known of the packet; `number` counts from 1. */
export function packetJson(decoded: DecodedPacket, number: number): object {
  const { packet, layers = [], refusal } = decoded;
  const ips = layers.filter((layer): layer is IpLayer => layer.kind === "ip");
  const [outer] = ips;
  const inner = ips.length > 1 ? ips.at(-1) : undefined;
  const vnis = layers.flatMap((layer) => (layer.kind === "vxlan" ? [layer.vni] : []));
  return {
    number,
    time: packet.time === undefined ? undefined : secondsText(packet.time),
    linkType: packet.linkType,
    length: packet.length,
    captured: packet.bytes.length,
    encapsulations: encapsulationsOf(layers),
    outer: outer && endpointsOf(outer),
    inner: inner && endpointsOf(inner),
    vni: vnis.at(-1),
    refused: refusal === DropReason.None ? undefined : reasonJson(refusal),
    layers: layers.map((layer) =>
      layer.kind === "refused" ? { kind: "refused", reason: dropReasonName(layer.reason) } : layer,
    ),
    text: whatText(packet.linkType, decoded.layers, refusal),
  };
}

function endpointsOf({ source, destination, protocol, length }: IpLayer): object {
  return { source, destination, protocol, length };
}

function reasonJson(reason: DropReason): object {
  return { reason: dropReasonName(reason), text: dropReasonText(reason) };
}

/** Outermost first, "ipip" or "vxlan" for each tunnel. */
function encapsulationsOf(layers: readonly PacketLayer[]): string[] {
  return layers.flatMap((layer, at) => {
    if (layer.kind === "vxlan") return ["vxlan"];
    return layer.kind === "ip" && layers[at - 1]?.kind === "ip" ? ["ipip"] : [];
  });
}

const SECOND = 1_000_000_000n;
const DAY = 86_400n;

/** Of the UTC day, with microseconds. */
function timeOfDay(time: bigint): string {
  const seconds = floorDivide(time, SECOND);
  const second = Number(((seconds % DAY) + DAY) % DAY);
  const micros = (time - seconds * SECOND) / 1_000n;
  const parts = [Math.floor(second / 3600), Math.floor(second / 60) % 60, second % 60];
  const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return `${clock}.${String(micros).padStart(6, "0")}`;
}

/** Since the epoch, as a decimal with nanoseconds: more digits than a number holds. */
function secondsText(time: bigint): string {
  const seconds = floorDivide(time, SECOND);
  return `${seconds}.${String(time - seconds * SECOND).padStart(9, "0")}`;
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return quotient * by > value ? quotient - 1n : quotient;
}

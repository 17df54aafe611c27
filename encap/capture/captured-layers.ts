/** The headers of a captured packet, whatever link it is of and however much of it was captured. */
import { IPV4_LENGTH_MAX } from "../header/ipv4.ts";
import type { LinkType } from "../link-header.ts";
import type { PacketLayer } from "../packet-layer.ts";
import { packetLayers } from "../packet-layers.ts";
import type { CapturedPacket } from "./captured-packet.ts";

/** Headers of links, IPv6 headers: more than what stands before the longest IP payload. */
const BEFORE_PAYLOAD = 128;
const WHOLE_MAX: number = IPV4_LENGTH_MAX + BEFORE_PAYLOAD;

/** UDP to one of `vxlanPorts` is taken for VXLAN. */
export function capturedLayers(
  { bytes, length }: CapturedPacket,
  link: LinkType,
  vxlanPorts: readonly number[],
): PacketLayer[] {
  const captured = bytes.length;
  const whole = Math.max(captured, Math.min(length, WHOLE_MAX));
  const view = whole === captured ? viewOf(bytes) : viewOf(lengthened(bytes, whole));
  return packetLayers(view, 0, whole, { link, vxlanPorts, captured });
}

function lengthened(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

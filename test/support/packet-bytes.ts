/** Packets as plain bytes, made and checked by other means than the codecs under test. */

/** A view over exactly these bytes: to read one byte past the end throws. */
export function viewOf(hex: string): DataView {
  return exactView(Buffer.from(hex, "hex"));
}

/** A copy of `bytes` with `headroom` dirty bytes before it, and nothing behind it. */
export function exactView(bytes: Uint8Array, headroom = 0): DataView {
  const copy = new Uint8Array(headroom + bytes.length).fill(0xa5);
  copy.set(bytes, headroom);
  return new DataView(copy.buffer);
}

/** A buffer full of something else: a byte that is not written shows. */
export function dirtyView(length: number): DataView {
  return new DataView(new Uint8Array(length).fill(0xa5).buffer);
}

export function hexAt(view: DataView, at = 0, length: number = view.byteLength - at): string {
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString("hex");
}

/** RFC 1071 section 4.1, word by word, with the carry brought in at each step. */
export function plainSum(bytes: Uint8Array, seed = 0): number {
  let sum = seed;
  for (let at = 0; at < bytes.length; at += 2) {
    sum += ((bytes[at] as number) << 8) + (bytes[at + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

export interface PacketPlan {
  readonly family: 4 | 6;
  readonly trafficClass: number;
  readonly ttl: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** IPv4 options; their length is a multiple of 4. */
  readonly options: Uint8Array;
  readonly flowLabel: number;
  readonly protocol: number;
  /** Upper-layer header and data; a TCP, UDP or ICMPv6 checksum in it is filled in. */
  readonly upper: Uint8Array;
}

const CHECKSUM_AT: Record<number, number> = { 6: 16, 17: 6, 58: 2 };

/** The packet of a plan, with all its checksums right. */
export function packetOf(plan: PacketPlan): Uint8Array {
  const upper = Buffer.from(plan.upper);
  const checksumAt = CHECKSUM_AT[plan.protocol];
  if (checksumAt !== undefined && upper.length >= checksumAt + 2) {
    upper.writeUInt16BE(0, checksumAt);
    const pseudo = Buffer.alloc(4);
    pseudo.writeUInt16BE(upper.length, 0);
    pseudo.writeUInt16BE(plan.protocol, 2);
    const parts = Buffer.concat([plan.source, plan.destination, pseudo, upper]);
    const checksum = ~plainSum(parts) & 0xffff;
    upper.writeUInt16BE(plan.protocol === 17 && checksum === 0 ? 0xffff : checksum, checksumAt);
  }
  return Buffer.concat([plan.family === 4 ? header4(plan) : header6(plan), upper]);
}

function header4(plan: PacketPlan): Buffer {
  const header = Buffer.alloc(20 + plan.options.length);
  header[0] = 0x40 | (header.length / 4);
  header[1] = plan.trafficClass;
  header.writeUInt16BE(header.length + plan.upper.length, 2);
  header.writeUInt16BE(plan.identification, 4);
  header.writeUInt16BE(plan.dontFragment ? 0x4000 : 0, 6);
  header[8] = plan.ttl;
  header[9] = plan.protocol;
  header.set(plan.source, 12);
  header.set(plan.destination, 16);
  header.set(plan.options, 20);
  header.writeUInt16BE(~plainSum(header) & 0xffff, 10);
  return header;
}

function header6(plan: PacketPlan): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32BE(0x60000000 + plan.trafficClass * 0x100000 + plan.flowLabel);
  header.writeUInt16BE(plan.upper.length, 4);
  header[6] = plan.protocol;
  header[7] = plan.ttl;
  header.set(plan.source, 8);
  header.set(plan.destination, 24);
  return header;
}

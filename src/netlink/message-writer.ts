/** Writes netlink messages one after the other into a buffer that grows, and never reads it. */
import { type IpAddress, writeIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, writeMac } from "../../encap/address/mac-address.ts";
import { NLA_F_NESTED, NLA_HDRLEN } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import { align4, NLM_F_REQUEST, NLMSG_HDRLEN } from "./message.ts";

const UTF8 = new TextEncoder();

/** No message of ours is longer, so `begin` makes room once for all that follows. */
const LONGEST_MESSAGE = 1024;

export class MessageWriter {
  readonly #isShared: boolean;
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  #start = 0;

  /** @param isShared whether the buffer is one that another thread can look at. */
  constructor(capacity: number, isShared = false) {
    this.#isShared = isShared;
    this.#bytes = this.#newBytes(Math.max(capacity, LONGEST_MESSAGE));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far; the offset of the next message. */
  get length(): number {
    return this.#length;
  }

  /** What was written; valid until the next call of any method. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** The buffer itself; valid until the next call of any method but `reset`. */
  get buffer(): ArrayBufferLike {
    return this.#bytes.buffer;
  }

  /** Starts over; what was written does not matter any more. */
  reset(): void {
    this.#length = 0;
  }

  /** Starts a message. NLM_F_REQUEST is added to `flags`. */
  begin(type: number, flags: number, sequence: number): void {
    if (this.#length + LONGEST_MESSAGE > this.#bytes.length) this.#grow();
    this.#start = this.#length;
    const view = this.#view;
    view.setUint16(this.#start + 4, type, HOST_ORDER);
    view.setUint16(this.#start + 6, flags | NLM_F_REQUEST, HOST_ORDER);
    view.setUint32(this.#start + 8, sequence, HOST_ORDER);
    view.setUint32(this.#start + 12, 0, HOST_ORDER);
    this.#length += NLMSG_HDRLEN;
  }

  /** Ends the message that `begin` started. */
  end(): void {
    this.#view.setUint32(this.#start, this.#length - this.#start, HOST_ORDER);
  }

  /** Writes a whole message, a multiple of four bytes, under another sequence number. */
  copy(message: Uint8Array, sequence: number): void {
    if (this.#length + LONGEST_MESSAGE > this.#bytes.length) this.#grow();
    const start = this.#length;
    this.#start = start;
    this.#length = start + message.length;
    // Some forty bytes: a loop is quicker than a call of `set`.
    const bytes = this.#bytes;
    for (let at = 0; at < message.length; at++) bytes[start + at] = message[at] as number;
    this.#view.setUint32(start + 8, sequence, HOST_ORDER);
  }

  /** Changes a byte of the message written last, `at` bytes after its start. */
  patchByte(at: number, value: number): void {
    this.#bytes[this.#start + at] = value;
  }

  /** As `patchByte`, 32 bits in network order. */
  patchWord(at: number, value: number): void {
    this.#view.setUint32(this.#start + at, value);
  }

  /** Adds flags to the message begun last, ended or not. */
  addFlags(flags: number): void {
    const at = this.#start + 6;
    this.#view.setUint16(at, this.#view.getUint16(at, HOST_ORDER) | flags, HOST_ORDER);
  }

  /** Four bytes of a fixed header. */
  bytes4(b0: number, b1: number, b2: number, b3: number): void {
    const at = this.#length;
    this.#bytes[at] = b0;
    this.#bytes[at + 1] = b1;
    this.#bytes[at + 2] = b2;
    this.#bytes[at + 3] = b3;
    this.#length = at + 4;
  }

  /** A 32-bit field of a fixed header, host order. */
  word(value: number): void {
    this.#view.setUint32(this.#length, value, HOST_ORDER);
    this.#length += 4;
  }

  /** The end of `struct ndmsg`: a 16-bit field in host order, a byte, and a zero byte. */
  halves(value: number, byte: number): void {
    const at = this.#length;
    this.#view.setUint16(at, value, HOST_ORDER);
    this.#bytes[at + 2] = byte;
    this.#bytes[at + 3] = 0;
    this.#length = at + 4;
  }

  u8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.#view.setUint32(at, 0);
    this.#bytes[at] = value;
  }

  u32(type: number, value: number): void {
    this.#view.setUint32(this.#attribute(type, 4), value, HOST_ORDER);
  }

  /** A UDP port: network order. */
  port(type: number, value: number): void {
    const at = this.#attribute(type, 2);
    this.#view.setUint32(at, 0);
    this.#view.setUint16(at, value);
  }

  /** `struct ifla_vxlan_port_range`: two ports in network order. */
  portRange(type: number, low: number, high: number): void {
    const at = this.#attribute(type, 4);
    this.#view.setUint16(at, low);
    this.#view.setUint16(at + 2, high);
  }

  /** An attribute without payload. */
  flag(type: number): void {
    this.#attribute(type, 0);
  }

  /** 4 or 16 bytes, network order. */
  ip(type: number, ip: IpAddress): void {
    const view = this.#view;
    if (ip.family === 4) {
      view.setUint32(this.#attribute(type, 4), ip.w0);
      return;
    }
    const at = this.#attribute(type, 16);
    view.setUint32(at, ip.w0);
    view.setUint32(at + 4, ip.w1);
    view.setUint32(at + 8, ip.w2);
    view.setUint32(at + 12, ip.w3);
  }

  /** `struct rtvia`: a gateway of another family than its route's. */
  via(type: number, addressFamily: number, ip: IpAddress): void {
    const length = ip.family === 4 ? 4 : 16;
    const at = this.#attribute(type, 2 + length);
    this.#bytes.fill(0, at, this.#length);
    this.#view.setUint16(at, addressFamily, HOST_ORDER);
    writeIp(ip, this.#view, at + 2);
  }

  mac(type: number, mac: MacAddress): void {
    const at = this.#attribute(type, 6);
    this.#view.setUint32(at + 4, 0);
    writeMac(mac, this.#bytes, at);
  }

  /** Text with the zero byte at its end that the kernel wants. @throws RangeError over 255 bytes. */
  text(type: number, value: string): void {
    const encoded = UTF8.encode(value);
    if (encoded.length > 255) throw new RangeError(`"${value}" is too long for an attribute`);
    const at = this.#attribute(type, encoded.length + 1);
    this.#bytes.fill(0, at + encoded.length, this.#length);
    this.#bytes.set(encoded, at);
  }

  /** Starts an attribute that holds attributes; returns what `endNested` wants. */
  beginNested(type: number): number {
    this.#attribute(type | NLA_F_NESTED, 0);
    return this.#length - NLA_HDRLEN;
  }

  endNested(at: number): void {
    this.#view.setUint16(at, this.#length - at, HOST_ORDER);
  }

  /** Writes the attribute's header and makes room for its payload; returns the payload's offset. */
  #attribute(type: number, length: number): number {
    const at = this.#length;
    this.#view.setUint16(at, NLA_HDRLEN + length, HOST_ORDER);
    this.#view.setUint16(at + 2, type, HOST_ORDER);
    this.#length = at + NLA_HDRLEN + align4(length);
    return at + NLA_HDRLEN;
  }

  #grow(): void {
    const bytes = this.#newBytes(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  #newBytes(length: number): Uint8Array {
    return new Uint8Array(this.#isShared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
  }
}

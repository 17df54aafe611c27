/**
 * Netlink attributes, `struct nlattr`: {length u16, type u16} and the payload, padded to four
 * bytes. The length counts the header and not the padding.
 */
import { type Family, type IpAddress, readIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, readMac } from "../../encap/address/mac-address.ts";
import { HOST_ORDER } from "./byte-order.ts";
import { align4, malformed } from "./message.ts";

export const NLA_HDRLEN = 4;
export const NLA_F_NESTED = 0x8000;
/** The type without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
export const NLA_TYPE_MASK = 0x3fff;

const UTF8 = new TextDecoder();

/**
 * The attributes of one object. Of a repeated attribute the last one counts, as in the kernel's
 * `nla_parse`; what follows an attribute with an impossible length is ignored, also as there.
 * Getters give undefined for what is absent and throw a CausewayError for a payload too short.
 */
export class Attributes {
  readonly #view: DataView;
  readonly #from: number;
  readonly #to: number;
  /** Payload length of the attribute that #find found. */
  #length = 0;

  /** The attributes in the bytes from `from` to `to` of `view`. */
  constructor(view: DataView, from: number, to: number) {
    this.#view = view;
    this.#from = from;
    this.#to = to;
  }

  has(type: number): boolean {
    return this.#find(type) !== 0;
  }

  u8(type: number): number | undefined {
    const at = this.#payload(type, 1);
    return at === 0 ? undefined : this.#view.getUint8(at);
  }

  u16(type: number): number | undefined {
    const at = this.#payload(type, 2);
    return at === 0 ? undefined : this.#view.getUint16(at, HOST_ORDER);
  }

  u32(type: number): number | undefined {
    const at = this.#payload(type, 4);
    return at === 0 ? undefined : this.#view.getUint32(at, HOST_ORDER);
  }

  /** A flag is set by being there; a byte that some kernels send instead must not be 0. */
  flag(type: number): boolean {
    const at = this.#find(type);
    return at !== 0 && (this.#length === 0 || this.#view.getUint8(at) !== 0);
  }

  /** A UDP port: network order. `index` counts ports inside the payload. */
  port(type: number, index = 0): number | undefined {
    const at = this.#payload(type, index * 2 + 2);
    return at === 0 ? undefined : this.#view.getUint16(at + index * 2);
  }

  /** 4 or 16 bytes by family, network order. */
  ip(type: number, family: Family): IpAddress | undefined {
    const at = this.#payload(type, family === 4 ? 4 : 16);
    return at === 0 ? undefined : readIp(family, this.#view, at);
  }

  /** An address whose family is told by its length alone. */
  ipOfEitherFamily(type: number): IpAddress | undefined {
    this.#find(type);
    return this.ip(type, this.#length < 16 ? 4 : 6);
  }

  /** undefined also for link addresses that are not six bytes long, such as those of tunnels. */
  mac(type: number): MacAddress | undefined {
    const at = this.#find(type);
    if (at === 0 || this.#length !== 6) return undefined;
    const { buffer, byteOffset } = this.#view;
    return readMac(new Uint8Array(buffer, byteOffset + at, 6), 0);
  }

  /** Text up to its zero byte. */
  text(type: number): string | undefined {
    const at = this.#find(type);
    if (at === 0) return undefined;
    let length = 0;
    while (length < this.#length && this.#view.getUint8(at + length) !== 0) length++;
    const { buffer, byteOffset } = this.#view;
    // A copy, because text is not decoded from memory that threads share.
    return UTF8.decode(new Uint8Array(buffer, byteOffset + at, length).slice());
  }

  /** The attributes inside an attribute. */
  nested(type: number): Attributes | undefined {
    const at = this.#find(type);
    return at === 0 ? undefined : new Attributes(this.#view, at, at + this.#length);
  }

  /** Offset and length of the raw payload. */
  raw(type: number): { readonly at: number; readonly length: number } | undefined {
    const at = this.#find(type);
    return at === 0 ? undefined : { at, length: this.#length };
  }

  /** Offset of the payload, which has at least `needed` bytes; 0 if the attribute is absent. */
  #payload(type: number, needed: number): number {
    const at = this.#find(type);
    if (at !== 0 && this.#length < needed) {
      throw malformed(`attribute ${type} has ${this.#length} bytes, not ${needed}`);
    }
    return at;
  }

  /** Offset of the payload, 0 if the attribute is absent. Objects have few attributes: no index. */
  #find(wanted: number): number {
    const view = this.#view;
    const to = this.#to;
    let found = 0;
    this.#length = 0;
    for (let at = this.#from; at + NLA_HDRLEN <= to; ) {
      const length = view.getUint16(at, HOST_ORDER);
      if (length < NLA_HDRLEN || at + length > to) break;
      if ((view.getUint16(at + 2, HOST_ORDER) & NLA_TYPE_MASK) === wanted) {
        found = at + NLA_HDRLEN;
        this.#length = length - NLA_HDRLEN;
      }
      at += align4(length);
    }
    return found;
  }
}

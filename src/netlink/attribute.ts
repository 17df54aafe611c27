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

/** Attribute numbers from here up are of no object that we read, and are skipped. */
const LIMIT = 64;

const UTF8 = new TextDecoder();

/**
 * The attributes of one object. Of a repeated attribute the last one counts, as in the kernel's
 * `nla_parse`; what follows an attribute with an impossible length is ignored, also as there.
 * Getters give undefined for what is absent and throw a CausewayError for a payload too short.
 */
export class Attributes {
  readonly #view: DataView;
  /** Offset of the payload by attribute number, 0 for absent. */
  readonly #at = new Uint32Array(LIMIT);
  readonly #lengths = new Uint16Array(LIMIT);

  /** Indexes the bytes from `from` to `to` of `view`. */
  constructor(view: DataView, from: number, to: number) {
    this.#view = view;
    for (let at = from; at + NLA_HDRLEN <= to; ) {
      const length = view.getUint16(at, HOST_ORDER);
      if (length < NLA_HDRLEN || at + length > to) return;
      const type = view.getUint16(at + 2, HOST_ORDER) & NLA_TYPE_MASK;
      if (type < LIMIT) {
        this.#at[type] = at + NLA_HDRLEN;
        this.#lengths[type] = length - NLA_HDRLEN;
      }
      at += align4(length);
    }
  }

  has(type: number): boolean {
    return this.#at[type] !== 0;
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
    if (!this.has(type)) return false;
    return this.#lengths[type] === 0 || this.u8(type) !== 0;
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
    return this.ip(type, (this.#lengths[type] as number) < 16 ? 4 : 6);
  }

  /** undefined also for link addresses that are not six bytes long, such as those of tunnels. */
  mac(type: number): MacAddress | undefined {
    if (this.#lengths[type] !== 6) return undefined;
    const { buffer, byteOffset, byteLength } = this.#view;
    return readMac(new Uint8Array(buffer, byteOffset, byteLength), this.#at[type] as number);
  }

  /** Text up to its zero byte. */
  text(type: number): string | undefined {
    const at = this.#at[type] as number;
    if (at === 0) return undefined;
    let length = 0;
    const limit = this.#lengths[type] as number;
    while (length < limit && this.#view.getUint8(at + length) !== 0) length++;
    return UTF8.decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
  }

  /** The attributes inside an attribute. */
  nested(type: number): Attributes | undefined {
    const at = this.#at[type] as number;
    return at === 0
      ? undefined
      : new Attributes(this.#view, at, at + (this.#lengths[type] as number));
  }

  /** Offset and length of the raw payload. */
  raw(type: number): { readonly at: number; readonly length: number } | undefined {
    const at = this.#at[type] as number;
    return at === 0 ? undefined : { at, length: this.#lengths[type] as number };
  }

  /** Offset of the payload, which has at least `needed` bytes; 0 if the attribute is absent. */
  #payload(type: number, needed: number): number {
    const at = this.#at[type] as number;
    if (at === 0) return 0;
    const length = this.#lengths[type] as number;
    if (length < needed) throw malformed(`attribute ${type} has ${length} bytes, not ${needed}`);
    return at;
  }
}

/** MAC addresses: lower-case colon text at rest, 48-bit numbers where bytes are written. */

/** A MAC address as canonical text, for example "66:3e:ca:a4:db:65". */
export type MacAddress = string & { readonly __mac: never };

/**
 * Reads six octets divided by ":" or "-", in any case.
 * @throws SyntaxError if the text is anything else.
 */
export function parseMac(text: string): MacAddress {
  if (!/^[0-9a-f]{2}([:-])[0-9a-f]{2}(\1[0-9a-f]{2}){4}$/i.test(text)) {
    throw new SyntaxError(`"${text}" is not a MAC address`);
  }
  return text.toLowerCase().replaceAll("-", ":") as MacAddress;
}

/** True for addresses that a device can have: unicast (bit 0 of the first octet clear), not zero. */
export function isUnicastMac(mac: MacAddress): boolean {
  return (parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== "00:00:00:00:00:00";
}

/** The address in the six bytes at `offset`. */
export function readMac(bytes: Uint8Array, offset: number): MacAddress {
  let text = "";
  for (let at = 0; at < 6; at++) {
    text += `${at === 0 ? "" : ":"}${(bytes[offset + at] ?? 0).toString(16).padStart(2, "0")}`;
  }
  return text as MacAddress;
}

/** Writes six bytes at `offset`. */
export function writeMac(mac: MacAddress, bytes: Uint8Array, offset: number): void {
  for (let at = 0; at < 6; at++) bytes[offset + at] = parseInt(mac.slice(at * 3, at * 3 + 2), 16);
}

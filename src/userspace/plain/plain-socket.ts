/** What a socket of the plain engine is, whichever module made it. */

export interface PlainSocket {
  /** Sends one packet. Returns 0, or the negative errno if that is known at once. */
  send(packet: Uint8Array, address: string, port: number): number;
  close(): void;
}

/** Called for each datagram that arrives, with the text of its source address. */
export type OnDatagram = (datagram: Uint8Array, source: string) => void;

/** Bytes of packets that wait in the kernel, as far as the system's limit allows. */
export const BUFFER: number = 4 * 1024 * 1024;

export const EAGAIN = 11;

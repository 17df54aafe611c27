/**
 * Ping without a process: a raw ICMP or ICMPv6 socket in a pod's namespace, bound to one of its
 * addresses and connected to one target. Packets carry DF (IPv6 has no other way), and what the
 * kernel has learnt of a path's MTU is ignored, so that every packet tries the path anew. The
 * answer "too big" of a node on the way comes back as the error EMSGSIZE.
 */
import { parseIp, writeIp } from "../../encap/address/ip-address.ts";
import { errnoName } from "../native/errno.ts";
import {
  bindSocket,
  closeDescriptor,
  connectSocket,
  openSocket,
  receive,
  send,
  setSocketOption,
} from "../native/linux.ts";
import { inNetworkNamespace } from "./network-namespace.ts";

const SOCK_RAW_NONBLOCK = 3 | 0x800;
const MSG_ERRQUEUE = 0x2000;
const IP_HEADER = 20;
const ICMP_HEADER = 8;

/** What differs between the families: numbers of the kernel's headers, and of the RFCs. */
const PROTOCOLS = {
  4: {
    domain: 2,
    protocol: 1,
    request: 8,
    reply: 0,
    headers: IP_HEADER + ICMP_HEADER,
    // A received packet comes with its IP header; the kernel leaves the checksum to us.
    icmpAt: IP_HEADER,
    options: [
      [0, 10, 3], // IP_MTU_DISCOVER: IP_PMTUDISC_PROBE
      [0, 11, 1], // IP_RECVERR
    ],
    filter: { level: 255, words: [~(1 << 0)] },
  },
  6: {
    domain: 10,
    protocol: 58,
    request: 128,
    reply: 129,
    headers: 40 + ICMP_HEADER,
    icmpAt: 0,
    options: [
      [41, 23, 3], // IPV6_MTU_DISCOVER: IPV6_PMTUDISC_PROBE
      [41, 25, 1], // IPV6_RECVERR
      [41, 62, 1], // IPV6_DONTFRAG
    ],
    filter: { level: 58, words: [-1, -1, -1, -1, ~(1 << 1), -1, -1, -1] },
  },
} as const;

export const SMALLEST_PACKET = 64;

let nextIdentifier = Math.floor(Math.random() * 0x10000);
const incoming = new Uint8Array(0x10000);

export interface EchoPath {
  readonly namespace: string;
  readonly source: string;
  readonly target: string;
}

export class EchoSocket {
  readonly #family: 4 | 6;
  readonly #fd: number;
  readonly #identifier: number;

  /** @throws SystemCallError, for example when the namespace has no route to the target. */
  constructor(path: EchoPath) {
    this.#family = parseIp(path.target).family;
    this.#identifier = nextIdentifier = (nextIdentifier + 1) & 0xffff;
    const { domain, protocol, options, filter } = PROTOCOLS[this.#family];
    this.#fd = inNetworkNamespace(path.namespace, () => {
      const fd = openSocket(domain, SOCK_RAW_NONBLOCK, protocol);
      try {
        for (const [level, name, value] of options) {
          setSocketOption(fd, level, name, bytesOf([value]));
        }
        setSocketOption(fd, filter.level, 1, bytesOf(filter.words));
        bindSocket(fd, socketAddress(path.source));
        connectSocket(fd, socketAddress(path.target));
        return fd;
      } catch (error) {
        closeDescriptor(fd);
        throw error;
      }
    });
  }

  /** Sends a request as an IP packet of `size` bytes. Returns undefined, or the symbolic errno. */
  send(sequence: number, size: number): string | undefined {
    const { request, headers } = PROTOCOLS[this.#family];
    const packet = new Uint8Array(Math.max(size, SMALLEST_PACKET) - headers + ICMP_HEADER);
    const view = new DataView(packet.buffer);
    view.setUint8(0, request);
    view.setUint16(4, this.#identifier);
    view.setUint16(6, sequence & 0xffff);
    view.setUint32(ICMP_HEADER, sequence);
    if (this.#family === 4) view.setUint16(2, checksum(view));
    const result = send(this.#fd, packet, 0);
    return result < 0 ? errnoName(-result) : undefined;
  }

  /** The sequence number of an answer, a symbolic errno that came back, or undefined: nothing. */
  receive(): number | string | undefined {
    const { reply, icmpAt } = PROTOCOLS[this.#family];
    for (;;) {
      const length = receive(this.#fd, incoming, 0);
      if (length < 0) {
        const code = errnoName(-length);
        if (code === "EAGAIN") return undefined;
        while (receive(this.#fd, incoming, MSG_ERRQUEUE) >= 0);
        return code;
      }
      const view = new DataView(incoming.buffer, icmpAt);
      if (view.getUint8(0) === reply && view.getUint16(4) === this.#identifier) {
        return view.getUint32(ICMP_HEADER);
      }
    }
  }

  close(): void {
    closeDescriptor(this.#fd);
  }
}

/** All bytes after the first twelve are zero. */
function checksum(view: DataView): number {
  let sum = 0;
  for (let at = 0; at < 12; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function bytesOf(words: readonly number[]): Uint8Array {
  return new Uint8Array(new Int32Array(words).buffer);
}

/** `sockaddr_in` or `sockaddr_in6`: family in the machine's order, no port. */
function socketAddress(text: string): Uint8Array {
  const ip = parseIp(text);
  const bytes = new Uint8Array(ip.family === 4 ? 16 : 28);
  bytes.set(new Uint8Array(new Uint16Array([PROTOCOLS[ip.family].domain]).buffer));
  writeIp(ip, new DataView(bytes.buffer), ip.family === 4 ? 4 : 8);
  return bytes;
}

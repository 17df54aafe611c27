/**
 * The netlink message header, `struct nlmsghdr` (include/uapi/linux/netlink.h), host byte order:
 *
 *  0       4    6     8        12       16
 *  | length| type|flags|sequence|port id | payload ...
 *
 * A datagram holds one or more messages, each starting at a multiple of four bytes.
 */
import { CausewayError } from "../errors.ts";
import { HOST_ORDER } from "./byte-order.ts";

export const NLMSG_HDRLEN = 16;

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
/** Of requests that make something. */
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
/** Of requests that read. */
export const NLM_F_DUMP = 0x300;
/** Of errors: the request is not repeated in full; attributes follow. */
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;
export const RTM_NEWNEXTHOP = 104;
export const RTM_DELNEXTHOP = 105;
export const RTM_GETNEXTHOP = 106;

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

/** Rounds up to the four bytes that messages and attributes are aligned to. */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** One message inside a datagram; `start` and `end` are byte offsets of header and padding-free end. */
export interface Message {
  readonly view: DataView;
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly start: number;
  /** Offset of the payload. */
  readonly body: number;
  readonly end: number;
}

/**
 * The messages in the first `length` bytes of `view`.
 * @throws CausewayError if a header is cut off or its length cannot be.
 */
export function* messagesIn(view: DataView, length: number): Generator<Message> {
  for (let start = 0; start < length; ) {
    const message = messageAt(view, start, length);
    yield message;
    start = align4(message.end);
  }
}

/** The message at `start`, which has to end before `limit`. @throws CausewayError as `messagesIn`. */
export function messageAt(view: DataView, start: number, limit: number): Message {
  const end = messageEnd(view, start, limit);
  return {
    view,
    type: view.getUint16(start + 4, HOST_ORDER),
    flags: view.getUint16(start + 6, HOST_ORDER),
    sequence: view.getUint32(start + 8, HOST_ORDER),
    portId: view.getUint32(start + 12, HOST_ORDER),
    start,
    body: start + NLMSG_HDRLEN,
    end,
  };
}

/** Offset of the end of the message at `start`. @throws CausewayError as `messagesIn`. */
export function messageEnd(view: DataView, start: number, limit: number): number {
  if (start + NLMSG_HDRLEN > limit) throw malformed(`${limit - start} bytes for a header`);
  const length = view.getUint32(start, HOST_ORDER);
  if (length < NLMSG_HDRLEN || length > limit - start) {
    throw malformed(`a message says ${length} bytes where ${limit - start} are left`);
  }
  return start + length;
}

export function malformed(what: string): CausewayError {
  return new CausewayError("kernel", `malformed netlink message: ${what}`);
}

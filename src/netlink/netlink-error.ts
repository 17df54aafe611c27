/**
 * NLMSG_ERROR: {error s32, the header of the request} and, with extended acks, attributes that
 * hold the kernel's own words. An error of 0 is an ack.
 */
import { errnoName, errnoPhrase } from "../native/errno.ts";
import { Attributes } from "./attribute.ts";
import { HOST_ORDER } from "./byte-order.ts";
import {
  align4,
  type Message,
  malformed,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_HDRLEN,
} from "./message.ts";

const NLMSGERR_ATTR_MSG = 1;

/** What went wrong with one request; the numbers are those of the request and of errno(3). */
export interface RequestFailure {
  readonly sequence: number;
  /** Positive. */
  readonly errno: number;
  /** The kernel's extended-ack text, "" if it gave none. */
  readonly text: string;
}

/** What netlink means by an errno where the C library's phrase would mislead. */
const PHRASES: Readonly<Record<string, string>> = {
  EEXIST: "it exists already",
  ESRCH: "there is no such route",
  ENOENT: "there is no such entry",
  ENODEV: "there is no such device",
  EADDRNOTAVAIL: "the device does not have this address",
  ENETUNREACH: "the gateway cannot be reached through the device",
  EHOSTUNREACH: "the gateway cannot be reached through the device",
  ENETDOWN: "the device is down",
  EOPNOTSUPP: "the kernel does not support it",
  EPERM: "not permitted; CAP_NET_ADMIN is needed",
  ENOBUFS: "the kernel ran out of room for its answers, so the outcome is unknown",
  EAFNOSUPPORT: "the address family does not fit",
};

/**
 * Reads an NLMSG_ERROR, or an NLMSG_DONE that carries an error; undefined for an ack. `attributesAt`
 * counts from the payload: where extended-ack attributes start if there are any.
 */
export function readError(message: Message): RequestFailure | undefined {
  return readFailure(message, () => {
    const { view, body, flags } = message;
    // Without NLM_F_CAPPED the whole request is repeated between header and attributes.
    const request = body + 4;
    const repeated = view.getUint32(request, HOST_ORDER);
    return request + ((flags & NLM_F_CAPPED) !== 0 ? NLMSG_HDRLEN : align4(repeated));
  });
}

/** The error at the end of a dump; undefined if it went well. */
export function readDone(message: Message): RequestFailure | undefined {
  if (message.end - message.body < 4) return undefined;
  return readFailure(message, () => message.body + 4);
}

function readFailure(message: Message, attributesAt: () => number): RequestFailure | undefined {
  const { view, body, end, flags, sequence } = message;
  if (body + 4 > end) throw malformed("an error without its number");
  const errno = -view.getInt32(body, HOST_ORDER);
  if (errno <= 0) return undefined;
  let text = "";
  if ((flags & NLM_F_ACK_TLVS) !== 0) {
    const from = attributesAt();
    if (from < end) text = new Attributes(view, from, end).text(NLMSGERR_ATTR_MSG) ?? "";
  }
  return { sequence, errno, text };
}

/** One line for people: the kernel's text if there is one, else what the errno means. */
export function describeFailure(failure: RequestFailure): string {
  if (failure.text !== "") return failure.text.replace(/\.$/, "");
  const name = errnoName(failure.errno);
  return PHRASES[name] ?? errnoPhrase(failure.errno);
}

/** The same for a symbolic errno that did not come from the kernel. */
export function phraseOf(code: string): string {
  return PHRASES[code] ?? code;
}

/** What a call to etcd can end in, in words, and what to do about it. */
import type { ServiceError } from "@grpc/grpc-js";
import { CausewayError, reasonOf } from "../../errors.ts";

/** The gRPC status codes that make a difference here. */
export const STATUS = {
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  permissionDenied: 7,
  outOfRange: 11,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** An answer of etcd, or of the way to it, that is no result. */
export class EtcdError extends Error {
  /** One of gRPC's status codes. */
  readonly status: number;
  /** Certainly nothing was sent: there was no connection to send it on. */
  readonly wasNotSent: boolean;

  constructor(status: number, message: string, wasNotSent = false) {
    super(message);
    this.name = "EtcdError";
    this.status = status;
    this.wasNotSent = wasNotSent;
  }

  /** The token is unknown or too old: a new one may do. */
  get wantsNewToken(): boolean {
    return (
      this.status === STATUS.unauthenticated ||
      (this.status === STATUS.invalidArgument &&
        /auth store is old|user name is empty/.test(this.message))
    );
  }

  /** What was asked for at a revision is no longer kept. */
  get isCompacted(): boolean {
    return this.status === STATUS.outOfRange;
  }

  /** We ended it ourselves. */
  get isCancelled(): boolean {
    return this.status === STATUS.cancelled;
  }

  /** Another member may do better. */
  get isOfMember(): boolean {
    return this.status === STATUS.unavailable || this.status === STATUS.deadlineExceeded;
  }
}

const NO_CONNECTION = "No connection established";
const CLOSED_BEFORE = "Channel closed before call started";

/** @param endpoint "HOST:PORT" */
export function etcdError(error: unknown, endpoint: string, deadline: number): EtcdError {
  if (error instanceof EtcdError) return error;
  const { code, details = "" } = error as Partial<ServiceError>;
  if (typeof code !== "number") return new EtcdError(0, `etcd ${endpoint}: ${reasonOf(error)}`);
  const wasNotSent =
    code === STATUS.unavailable &&
    (details.startsWith(NO_CONNECTION) || details.startsWith(CLOSED_BEFORE));
  return new EtcdError(code, `etcd ${endpoint}: ${words(code, details, deadline)}`, wasNotSent);
}

/** As the datastore and those who write records report it. */
export function asCausewayError(error: unknown): CausewayError {
  if (error instanceof CausewayError) return error;
  const hint = error instanceof EtcdError ? hintFor(error) : undefined;
  const options = { cause: error, ...(hint === undefined ? {} : { hint }) };
  return new CausewayError("datastore", reasonOf(error), options);
}

function words(code: number, details: string, deadline: number): string {
  if (code === STATUS.deadlineExceeded) return `no answer within ${deadline / 1_000} s`;
  const text = details.replace(/^etcdserver: /, "").replace(/ Resolution note:.*$/s, "");
  if (text.startsWith(NO_CONNECTION)) {
    const reason = text.slice(NO_CONNECTION.length).replace(/^\. Last error: (?:Error: )?/, "");
    return `no connection${reason === "" ? "" : ` (${reason.replace(/\.$/, "")})`}`;
  }
  return text === "" ? `gRPC status ${code}` : text;
}

function hintFor({ status, message }: EtcdError): string | undefined {
  if (/user name is empty/.test(message)) return "etcd asks who you are: give --etcd-user";
  if (status === STATUS.permissionDenied) {
    return "let the user's role read (and, to register, write) all keys below the prefix";
  }
  if (/certificate|self-signed|TLS|SSL|EPROTO/i.test(message)) {
    return "see --etcd-ca, --etcd-cert and --etcd-key";
  }
  return undefined;
}

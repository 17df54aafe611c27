/** etcd's leases: keys that are put under one go when it ends (etcd api/etcdserverpb/rpc.proto). */
import type { Call } from "./messages.ts";
import { message, text, whole } from "./protobuf.ts";

export interface LeaseGrantRequest {
  /** Seconds. */
  readonly ttl: number;
  /** Chosen by whoever asks. */
  readonly id: number;
}

export interface LeaseGrantAnswer {
  readonly id: number;
  /** Seconds; may be more than asked for. */
  readonly ttl: number;
  readonly error: string;
}

export interface LeaseRevokeRequest {
  readonly id: number;
}

export const leaseGrant: Call<LeaseGrantRequest, LeaseGrantAnswer> = {
  path: "/etcdserverpb.Lease/LeaseGrant",
  request: message<LeaseGrantRequest>({ ttl: whole(1), id: whole(2) }),
  answer: message<LeaseGrantAnswer>({ id: whole(2), ttl: whole(3), error: text(4) }),
};

/** The keys go as well. */
export const leaseRevoke: Call<LeaseRevokeRequest, object> = {
  path: "/etcdserverpb.Lease/LeaseRevoke",
  request: message<LeaseRevokeRequest>({ id: whole(1) }),
  answer: message<object>({}),
};

/**
 * The calls and messages of etcd's v3 API that are used here, with the field numbers of its public
 * definition (etcd api/etcdserverpb/rpc.proto, api/mvccpb/kv.proto). Fields that nobody here reads or
 * sets are left out.
 */
import { bytes, type Codec, flag, message, optional, repeated, text, whole } from "./protobuf.ts";

/** A call with one request and one answer. */
export interface Call<Request, Answer> {
  readonly path: string;
  readonly request: Codec<Request>;
  readonly answer: Pick<Codec<Answer>, "decode">;
}

export interface Header {
  /** Of the whole store, when the call was answered. */
  readonly revision: number;
}

/** Keys and values are bytes; those that are read here are text. */
export interface KeyValue {
  readonly key: string;
  readonly modRevision: number;
  readonly value: string;
  /** 0 for none; may be inexact, for those that etcd chose. */
  readonly lease?: number;
}

export interface RangeRequest {
  readonly key: Buffer;
  /** First key behind the range; empty for the one key. */
  readonly rangeEnd: Buffer;
  /** 0 for all. */
  readonly limit: number;
  /** 0 for the newest. */
  readonly revision: number;
}

export interface RangeAnswer {
  readonly header: Header | undefined;
  readonly kvs: readonly KeyValue[];
  /** There is more than `limit`. */
  readonly more: boolean;
}

export interface PutRequest {
  readonly key: Buffer;
  readonly value: Buffer;
  /** The key goes when it ends. */
  readonly lease?: number;
}

export interface DeleteRequest {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
}

/** Of the alternatives exactly one. */
export interface RequestOp {
  readonly range?: RangeRequest | undefined;
  readonly put?: PutRequest | undefined;
  readonly delete?: DeleteRequest | undefined;
}

export interface AnswerOp {
  readonly range?: RangeAnswer | undefined;
}

/** True while the key's last change was at this revision; 0: while there is no such key. */
export interface Compare {
  /** COMPARE_MOD_REVISION. */
  readonly target: number;
  readonly key: Buffer;
  readonly modRevision: number;
}

export const COMPARE_MOD_REVISION = 2;

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnAnswer {
  readonly header: Header | undefined;
  readonly succeeded: boolean;
  readonly answers: readonly AnswerOp[];
}

export interface WatchCreate {
  readonly key: Buffer;
  readonly rangeEnd: Buffer;
  readonly startRevision: number;
}

/** Of the alternatives exactly one. */
export interface WatchRequest {
  readonly create?: WatchCreate | undefined;
  /** Asks for an answer without events. */
  readonly progress?: object | undefined;
}

export const EVENT_DELETE = 1;

export interface Event {
  /** 0 for a put, or EVENT_DELETE. */
  readonly type: number;
  readonly kv: KeyValue | undefined;
}

export interface WatchAnswer {
  readonly header: Header | undefined;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Not 0: what was asked for is no longer kept before this revision. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly events: readonly Event[];
}

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export interface AuthenticateAnswer {
  readonly token: string;
}

const header = message<Header>({ revision: whole(3) });

const keyValue = message<KeyValue>({
  key: text(1),
  modRevision: whole(3),
  value: text(5),
  lease: whole(6),
});

const rangeRequest = message<RangeRequest>({
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: whole(3),
  revision: whole(4),
});

const rangeAnswer = message<RangeAnswer>({
  header: optional(1, header),
  kvs: repeated(2, keyValue),
  more: flag(3),
});

const requestOp = message<RequestOp>({
  range: optional(1, rangeRequest),
  put: optional(2, message<PutRequest>({ key: bytes(1), value: bytes(2), lease: whole(3) })),
  delete: optional(3, message<DeleteRequest>({ key: bytes(1), rangeEnd: bytes(2) })),
});

const compare = message<Compare>({
  target: whole(2),
  key: bytes(3),
  modRevision: whole(6),
});

const watchCreate = message<WatchCreate>({
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: whole(3),
});

export const range: Call<RangeRequest, RangeAnswer> = {
  path: "/etcdserverpb.KV/Range",
  request: rangeRequest,
  answer: rangeAnswer,
};

export const txn: Call<TxnRequest, TxnAnswer> = {
  path: "/etcdserverpb.KV/Txn",
  request: message<TxnRequest>({
    compare: repeated(1, compare),
    success: repeated(2, requestOp),
    failure: repeated(3, requestOp),
  }),
  answer: message<TxnAnswer>({
    header: optional(1, header),
    succeeded: flag(2),
    answers: repeated(3, message<AnswerOp>({ range: optional(1, rangeAnswer) })),
  }),
};

/** A stream in both directions. */
export const watch: Call<WatchRequest, WatchAnswer> = {
  path: "/etcdserverpb.Watch/Watch",
  request: message<WatchRequest>({
    create: optional(1, watchCreate),
    progress: optional(3, message<object>({})),
  }),
  answer: message<WatchAnswer>({
    header: optional(1, header),
    created: flag(3),
    canceled: flag(4),
    compactRevision: whole(5),
    cancelReason: text(6),
    events: repeated(11, message<Event>({ type: whole(1), kv: optional(2, keyValue) })),
  }),
};

export const authenticate: Call<AuthenticateRequest, AuthenticateAnswer> = {
  path: "/etcdserverpb.Auth/Authenticate",
  request: message<AuthenticateRequest>({ name: text(1), password: text(2) }),
  answer: message<AuthenticateAnswer>({ token: text(2) }),
};

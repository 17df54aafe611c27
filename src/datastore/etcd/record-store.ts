/**
 * Records in etcd, where Calico keeps them and as Calico writes them. A record's revision is that of
 * its key's last change; every write compares it in the same transaction.
 *
 * A value that cannot be read is an error for `get`, and left out of a `list`.
 */
import { randomUUID } from "node:crypto";
import { CausewayError } from "../../errors.ts";
import type {
  ListOptions,
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../record-store.ts";
import type { EtcdClient } from "./client.ts";
import { asCausewayError } from "./etcd-error.ts";
import {
  affinityRange,
  blockRange,
  configKey,
  handleRange,
  type KeyRange,
  resourceRange,
} from "./keys.ts";
import { listRanges } from "./list.ts";
import {
  COMPARE_MOD_REVISION,
  type KeyValue,
  type TxnAnswer,
  type TxnRequest,
} from "./messages.ts";
import { decodeRecord, encodeRecord, keyOfRecord, keysOfName } from "./record-form.ts";

export class EtcdRecordStore implements RecordStore {
  readonly url: string;
  readonly #client: EtcdClient;

  /** The client is this store's own: `close` closes it. */
  constructor(client: EtcdClient) {
    this.url = client.access.url;
    this.#client = client;
  }

  async get(kind: RecordKind, name: string): Promise<StoredRecord | undefined> {
    const kv = await this.#find(kind, name);
    return kv && this.#stored(kind, kv);
  }

  async list(kind: RecordKind, options: ListOptions = {}): Promise<readonly StoredRecord[]> {
    let records: StoredRecord[] = [];
    const start = (): void => {
      records = [];
    };
    await this.#asking(() =>
      listRanges(this.#client, this.#ranges(kind, options), start, (page) => {
        while (page.next()) {
          const record = this.#readable(kind, page, options);
          if (record !== undefined) records.push(record);
        }
      }),
    );
    return records.sort(byName);
  }

  async create(value: RecordValue): Promise<StoredRecord> {
    const { name } = value.metadata;
    const creationTimestamp = `${new Date().toISOString().slice(0, 19)}Z`;
    const metadata = { uid: randomUUID(), creationTimestamp, ...value.metadata };
    const record = { ...value, metadata };
    const answer = await this.#write(record, 0);
    if (!answer.succeeded) throw conflict(value.kind, name, "there is one already");
    return this.#written(record, answer);
  }

  async update(value: RecordValue, revision: string): Promise<StoredRecord> {
    const answer = await this.#write(value, Number(revision));
    if (!answer.succeeded) {
      throw conflict(value.kind, value.metadata.name, `it has changed since revision ${revision}`);
    }
    return this.#written(value, answer);
  }

  async delete(kind: RecordKind, name: string, revision: string): Promise<void> {
    const kv = await this.#find(kind, name);
    if (kv === undefined) return;
    const key = Buffer.from(kv.key);
    const rangeEnd = Buffer.alloc(0);
    const { succeeded, answers } = await this.#txn({
      compare: [{ target: COMPARE_MOD_REVISION, key, modRevision: Number(revision) }],
      success: [{ delete: { key, rangeEnd } }],
      failure: [{ range: { key, rangeEnd, limit: 1, revision: 0 } }],
    });
    const isGone = succeeded || answers[0]?.range?.kvs.length === 0;
    if (!isGone) throw conflict(kind, name, `it has changed since revision ${revision}`);
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  #ranges(kind: RecordKind, { node }: ListOptions): KeyRange[] {
    const { prefix } = this.#client.access;
    switch (kind) {
      case "IPAMBlock":
        return [blockRange(prefix)];
      case "BlockAffinity":
        return ["host", "virtual"].map((type) => affinityRange(prefix, type, node));
      case "IPAMHandle":
        return [handleRange(prefix)];
      case "IPAMConfig":
        return [{ from: configKey(prefix), to: `${configKey(prefix)}\0` }];
      default:
        return [resourceRange(prefix, kind)];
    }
  }

  async #find(kind: RecordKind, name: string): Promise<KeyValue | undefined> {
    for (const key of keysOfName(this.#client.access.prefix, kind, name)) {
      const { kvs } = await this.#asking(() => this.#client.range({ key: Buffer.from(key) }));
      if (kvs[0] !== undefined) return kvs[0];
    }
    return undefined;
  }

  #write(value: RecordValue, modRevision: number): Promise<TxnAnswer> {
    const key = Buffer.from(keyOfRecord(this.#client.access.prefix, value));
    return this.#txn({
      compare: [{ target: COMPARE_MOD_REVISION, key, modRevision }],
      success: [{ put: { key, value: encodeRecord(value) } }],
      failure: [],
    });
  }

  #txn(request: TxnRequest): Promise<TxnAnswer> {
    return this.#asking(() => this.#client.txn(request));
  }

  /** As it can be read back: a bare value keeps no labels. */
  #written(value: RecordValue, { header }: TxnAnswer): StoredRecord {
    const key = keyOfRecord(this.#client.access.prefix, value);
    const revision = String(header?.revision ?? 0);
    return { value: decodeRecord(value.kind, key, encodeRecord(value).toString()), revision };
  }

  #stored(kind: RecordKind, { key, value, modRevision }: KeyValue): StoredRecord {
    return { value: decodeRecord(kind, key, value), revision: String(modRevision) };
  }

  #readable(
    kind: RecordKind,
    kv: KeyValue,
    { onUnreadable }: ListOptions,
  ): StoredRecord | undefined {
    try {
      return this.#stored(kind, kv);
    } catch (error) {
      onUnreadable?.(asCausewayError(error));
      return undefined;
    }
  }

  async #asking<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw asCausewayError(error);
    }
  }
}

function byName(a: StoredRecord, b: StoredRecord): number {
  return a.value.metadata.name < b.value.metadata.name ? -1 : 1;
}

function conflict(kind: RecordKind, name: string, reason: string): CausewayError {
  const hint = "somebody else was first: read it again";
  return new CausewayError("conflict", `${kind} "${name}": ${reason}`, { hint });
}

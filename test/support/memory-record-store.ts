// A record store in memory with true optimistic locking, and the faults of a real one: answers that are lost after
// the write happened, calls that fail before, delays that let others in between.

import { setImmediate as turn } from "node:timers/promises";
import type {
  ListOptions,
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../../src/datastore/record-store.ts";
import { CausewayError } from "../../src/errors.ts";

export interface StoreFaults {
  /** Returns 0 to below 1. */
  readonly random: () => number;
  /** Share of writes that happen and whose call rejects. */
  readonly lostAnswers: number;
  /** Share of calls that reject and do nothing. */
  readonly failures: number;
}

/** What several nodes share; each of them opens a store of its own on it. */
export class SharedRecords {
  readonly #records = new Map<string, StoredRecord>();
  #revision = 0;
  calls = 0;
  writes = 0;
  /** Told of every write; undefined for a record that is gone. */
  onWrite: (kind: RecordKind, name: string, value: RecordValue | undefined) => void = () => {};
  /** While set, every call fails. */
  isDown = false;

  open(faults?: StoreFaults): RecordStore {
    return new MemoryRecordStore(this, faults);
  }

  get(kind: RecordKind, name: string): StoredRecord | undefined {
    return this.#records.get(`${kind}/${name}`);
  }

  all(kind: RecordKind): StoredRecord[] {
    const found = [...this.#records.values()].filter(({ value }) => value.kind === kind);
    return found.sort((a, b) => (a.value.metadata.name < b.value.metadata.name ? -1 : 1));
  }

  /** @param expected undefined: must not exist */
  write(value: RecordValue, expected: string | undefined): StoredRecord {
    const { kind, metadata } = value;
    const found = this.get(kind, metadata.name);
    if (found?.revision !== expected) throw conflict(kind, metadata.name);
    this.writes++;
    const stored = { value: structuredClone(value), revision: String(++this.#revision) };
    this.#records.set(`${kind}/${metadata.name}`, stored);
    this.onWrite(kind, metadata.name, stored.value);
    return stored;
  }

  remove(kind: RecordKind, name: string, expected: string): void {
    const found = this.get(kind, name);
    if (found === undefined) return;
    if (found.revision !== expected) throw conflict(kind, name);
    this.writes++;
    this.#records.delete(`${kind}/${name}`);
    this.onWrite(kind, name, undefined);
  }
}

class MemoryRecordStore implements RecordStore {
  readonly url = "memory:";
  readonly #shared: SharedRecords;
  readonly #faults: StoreFaults | undefined;

  constructor(shared: SharedRecords, faults: StoreFaults | undefined) {
    this.#shared = shared;
    this.#faults = faults;
  }

  async get(kind: RecordKind, name: string): Promise<StoredRecord | undefined> {
    await this.#delay();
    return clone(this.#shared.get(kind, name));
  }

  async list(kind: RecordKind, options: ListOptions = {}): Promise<readonly StoredRecord[]> {
    await this.#delay();
    const found = this.#shared.all(kind);
    const { node } = options;
    const wanted = found.filter(({ value }) => node === undefined || value.spec["node"] === node);
    return wanted.map((record) => structuredClone(record));
  }

  create(value: RecordValue): Promise<StoredRecord> {
    return this.#write(() => this.#shared.write(value, undefined));
  }

  update(value: RecordValue, revision: string): Promise<StoredRecord> {
    return this.#write(() => this.#shared.write(value, revision));
  }

  async delete(kind: RecordKind, name: string, revision: string): Promise<void> {
    await this.#write(() => {
      this.#shared.remove(kind, name, revision);
      return undefined;
    });
  }

  async close(): Promise<void> {}

  async #write<T>(act: () => T): Promise<T> {
    await this.#delay();
    const result = act();
    await this.#turns();
    if (this.#happens("lostAnswers")) throw unreachable("the answer was lost");
    return structuredClone(result);
  }

  async #delay(): Promise<void> {
    this.#shared.calls++;
    await this.#turns();
    if (this.#shared.isDown || this.#happens("failures")) throw unreachable("the call was lost");
  }

  async #turns(): Promise<void> {
    const turns = this.#faults === undefined ? 0 : Math.floor(this.#faults.random() * 4);
    for (let count = 0; count < turns; count++) await turn();
  }

  #happens(fault: "lostAnswers" | "failures"): boolean {
    return this.#faults !== undefined && this.#faults.random() < this.#faults[fault];
  }
}

function clone(record: StoredRecord | undefined): StoredRecord | undefined {
  return record === undefined ? undefined : structuredClone(record);
}

function conflict(kind: RecordKind, name: string): CausewayError {
  return new CausewayError("conflict", `${kind} "${name}" was changed by somebody else`);
}

function unreachable(reason: string): CausewayError {
  return new CausewayError("datastore", `memory: ${reason}`);
}

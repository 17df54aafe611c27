/**
 * Copies one store into another, kind by kind, and reads both again to see that they say the same.
 * What is there already is not written again, so a run that was cut off goes on where it was.
 */

import { formatFieldPath } from "../datastore/record-problem.ts";
import type {
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";
import { type CommonForm, commonForm, copyFaults, copyOf } from "./kept-content.ts";

/**
 * Pools come last: an agent that follows the store copied to, and registers its node, claims blocks
 * as soon as it sees a pool, and by then has to know which are taken.
 */
const ORDER: readonly RecordKind[] = [
  "IPAMConfig",
  "IPAMHandle",
  "IPAMBlock",
  "BlockAffinity",
  "FelixConfiguration",
  "Node",
  "IPPool",
];

/** Writes under way at a time. */
const PARALLEL = 16;

export interface MigrateOptions {
  readonly dryRun: boolean;
  /** Records that differ are written over. */
  readonly overwrite: boolean;
  readonly onProgress?: (text: string) => void;
}

export interface KindMigration {
  readonly kind: RecordKind;
  readonly found: number;
  /** Written now; with `dryRun`, those that would be. */
  copied: number;
  /** There already, and the same. */
  same: number;
  /** Of the same name, and written over. */
  overwritten: number;
  /** Only where the copy goes: they stay. */
  readonly extra: number;
}

export interface MigrationProblem {
  readonly kind: RecordKind;
  /** Absent where it could not be read. */
  readonly name?: string;
  readonly reason: string;
}

export interface Migration {
  readonly kinds: readonly KindMigration[];
  readonly problems: readonly MigrationProblem[];
  /** Both were read again, and everything copied is the same. */
  readonly verified: boolean;
}

/** @throws CausewayError `datastore` where one of the two cannot be reached any more */
export async function migrateRecords(
  from: RecordStore,
  to: RecordStore,
  options: MigrateOptions,
): Promise<Migration> {
  const work = new Work(from, to, options);
  for (const kind of ORDER) await work.copy(kind);
  const verified = !options.dryRun && (await work.verify());
  return { kinds: work.kinds, problems: work.problems, verified };
}

class Work {
  readonly kinds: KindMigration[] = [];
  readonly problems: MigrationProblem[] = [];
  readonly #from: RecordStore;
  readonly #to: RecordStore;
  readonly #options: MigrateOptions;
  readonly #form: CommonForm;

  constructor(from: RecordStore, to: RecordStore, options: MigrateOptions) {
    this.#from = from;
    this.#to = to;
    this.#options = options;
    this.#form = commonForm(from, to);
  }

  async copy(kind: RecordKind): Promise<void> {
    const [originals, copies] = await this.#both(kind);
    const names = new Set(originals.map(({ value }) => value.metadata.name));
    const extra = [...copies.keys()].filter((name) => !names.has(name)).length;
    const found = originals.length;
    const count: KindMigration = { kind, found, copied: 0, same: 0, overwritten: 0, extra };
    this.kinds.push(count);
    const rest = originals.values();
    let done = 0;
    const worker = async (): Promise<void> => {
      for (const { value } of rest) {
        const { name } = value.metadata;
        this.#options.onProgress?.(`${kind} ${++done} of ${found}`);
        await this.#copyOne(value, copies.get(name), count);
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, worker));
  }

  /** Everything that was found to be right, read again from both. */
  async verify(): Promise<boolean> {
    const known = new Set(this.problems.map(({ kind, name }) => `${kind}/${name}`));
    for (const kind of ORDER) {
      this.#options.onProgress?.(`verifying ${kind}`);
      const [originals, copies] = await this.#both(kind);
      for (const { value } of originals) {
        const { name } = value.metadata;
        const copy = copies.get(name)?.value;
        if (known.has(`${kind}/${name}`)) continue;
        const what = copy === undefined ? "it is not there" : this.#difference(value, copy);
        if (what === undefined) continue;
        this.#problem(value, `${what}: it was changed meanwhile, or cannot be kept there`);
      }
    }
    return this.problems.length === 0;
  }

  async #both(kind: RecordKind): Promise<[readonly StoredRecord[], Map<string, StoredRecord>]> {
    const onUnreadable = ({ message }: CausewayError): void => this.#leftOut(kind, message);
    const [originals, copies] = await Promise.all([
      this.#from.list(kind, { onUnreadable }),
      this.#to.list(kind),
    ]);
    return [originals, new Map(copies.map((one) => [one.value.metadata.name, one]))];
  }

  async #copyOne(
    original: RecordValue,
    copy: StoredRecord | undefined,
    count: KindMigration,
  ): Promise<void> {
    const difference = copy && this.#difference(original, copy.value);
    if (copy !== undefined && difference === undefined) {
      count.same++;
      return;
    }
    const { dryRun, overwrite } = this.#options;
    if (copy !== undefined && !overwrite) {
      this.#problem(original, `is there already and differs: ${difference}`);
      return;
    }
    try {
      const wanted = copyOf(original);
      if (copy === undefined) {
        if (!dryRun) await this.#to.create(wanted);
        count.copied++;
      } else {
        const metadata = { ...copy.value.metadata, ...wanted.metadata };
        if (!dryRun) await this.#to.update({ ...wanted, metadata }, copy.revision);
        count.overwritten++;
      }
    } catch (error) {
      if (!(error instanceof CausewayError) || error.code === "datastore") throw error;
      this.#problem(original, error.message);
    }
  }

  /** What the copy says otherwise, if anything. */
  #difference(original: RecordValue, copy: RecordValue): string | undefined {
    for (const { path, before, after } of copyFaults(original, copy, this.#form)) {
      return `${formatFieldPath(path)} is ${shown(after)} there, and ${shown(before)} here`;
    }
    return undefined;
  }

  /** It is met at every reading, and told of once. */
  #leftOut(kind: RecordKind, message: string): void {
    const reason = `left out, it cannot be read: ${message}`;
    if (!this.problems.some((one) => one.reason === reason)) this.problems.push({ kind, reason });
  }

  #problem({ kind, metadata: { name } }: RecordValue, reason: string): void {
    this.problems.push({ kind, name, reason });
  }
}

function shown(value: unknown): string {
  const text = value === undefined ? "absent" : JSON.stringify(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}

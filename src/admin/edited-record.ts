/** A record in somebody's hands: what it was when it was read, and what its new text comes to. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { formatFieldPath } from "../datastore/record-problem.ts";
import type {
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../datastore/record-store.ts";
import { differences, isSameValue } from "../datastore/value-difference.ts";
import { CausewayError } from "../errors.ts";
import { refuseMovedPool, withMetadata } from "./apply-record.ts";
import { copyOf } from "./kept-content.ts";
import { readManifestText } from "./read-manifests.ts";
import { titleOf } from "./record-kinds.ts";

export interface EditAnswer {
  /** Undefined where it was not written. */
  readonly outcome?: "changed" | "unchanged";
  /** What is wrong; where it was written, what it was warned of. */
  readonly faults: readonly ResourceFault[];
  /** Further reasons, a line each. */
  readonly reasons: readonly string[];
}

export class EditedRecord {
  readonly #store: RecordStore;
  #base: StoredRecord;

  private constructor(store: RecordStore, base: StoredRecord) {
    this.#store = store;
    this.#base = base;
  }

  static async read(
    store: RecordStore,
    kind: RecordKind,
    name: string,
  ): Promise<EditedRecord | undefined> {
    const base = await store.get(kind, name);
    return base && new EditedRecord(store, base);
  }

  /** Without what the store gives to each record by itself. */
  get shown(): RecordValue {
    return copyOf(this.#base.value);
  }

  /**
   * Writes what a text says, if the record is still the one that was read. If not, the next `write`
   * is about the record as it is by then.
   * @param name how faults call the text
   * @throws CausewayError `datastore`; `conflict` where the record is gone
   */
  async write(text: string, name: string): Promise<EditAnswer> {
    const { manifests, faults } = await readManifestText(text, name);
    if (faults.length > 0) return { faults, reasons: [] };
    const [wanted, ...others] = manifests.map(({ value }) => value);
    const base = this.#base.value;
    const title = titleOf(base.kind, base.metadata.name);
    if (wanted === undefined || others.length > 0) return refused(`it has to be ${title}, alone`);
    if (titleOf(wanted.kind, wanted.metadata.name) !== title) {
      return refused(`it has to stay ${title}, not ${titleOf(wanted.kind, wanted.metadata.name)}`);
    }
    const { labels, annotations } = wanted.metadata;
    const next = withMetadata(base, wanted, { labels, annotations });
    const done = { faults: manifests[0]?.warnings ?? [], reasons: [] };
    if (isSameValue(base, next)) return { outcome: "unchanged", ...done };
    try {
      await refuseMovedPool(this.#store, base, next);
      await this.#store.update(next, this.#base.revision);
      return { outcome: "changed", ...done };
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      if (error.code === "conflict") return this.#readAgain(error);
      if (error.code !== "bad-resource") throw error;
      const { message, hint } = error;
      return refused(hint === undefined ? message : `${message}; ${hint}`);
    }
  }

  async #readAgain(conflict: CausewayError): Promise<EditAnswer> {
    const before = this.#base.value;
    const now = await this.#store.get(before.kind, before.metadata.name);
    if (now === undefined) throw conflict;
    this.#base = now;
    const changed = [...differences(copyOf(before), copyOf(now.value))];
    return refused(
      "somebody else has changed it meanwhile; what you write now takes the place of that:",
      ...changed.map(({ path, before, after }) => {
        return `  ${formatFieldPath(path)} was ${shown(before)}, is ${shown(after)}`;
      }),
    );
  }
}

function refused(...reasons: string[]): EditAnswer {
  return { faults: [], reasons };
}

function shown(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value);
}

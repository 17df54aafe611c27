/**
 * What the test server holds: objects by kind, one resource version that counts every write, and
 * the history of writes that watches are served from.
 */

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly resourceVersion?: string;
    readonly uid?: string;
    readonly [field: string]: unknown;
  };
  readonly [field: string]: unknown;
}

export interface WatchEvent {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: KubeObject;
}

interface PastEvent extends WatchEvent {
  readonly kind: string;
  readonly revision: number;
}

export interface Page {
  readonly revision: number;
  readonly items: readonly KubeObject[];
  readonly next: string | undefined;
  readonly remaining: number;
}

interface OpenList {
  readonly revision: number;
  readonly items: readonly KubeObject[];
}

/** Of the API's meaning: `gone` is 410, the others say what they are. */
export type Refusal = "gone" | "not found" | "exists" | "conflict";

type Listener = (event: WatchEvent) => void;

export class ObjectStore {
  revision = 1_000;
  /** A watch from before this one is answered with 410. */
  #oldest = 1_000;
  readonly #objects = new Map<string, Map<string, KubeObject>>();
  readonly #history: PastEvent[] = [];
  readonly #listeners = new Map<string, Set<Listener>>();
  /** Lists that are not read to their end, at the revision they began with. */
  readonly #lists = new Map<string, OpenList>();
  #nextList = 1;

  get(kind: string, name: string): KubeObject | undefined {
    return this.#objects.get(kind)?.get(name);
  }

  all(kind: string): KubeObject[] {
    return [...(this.#objects.get(kind)?.values() ?? [])];
  }

  /** A page of a list; all pages of it show one revision, whatever is written meanwhile. */
  list(
    kind: string,
    limit: number,
    token: string | undefined,
    selects: (object: KubeObject) => boolean,
  ): Page | Refusal {
    const [id, start] = token === undefined ? [undefined, 0] : readToken(token);
    const open = id === undefined ? undefined : this.#lists.get(id);
    if (id !== undefined && open === undefined) return "gone";
    const { items, revision } = open ?? {
      revision: this.revision,
      items: this.all(kind)
        .filter(selects)
        .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)),
    };
    const end = limit > 0 ? Math.min(start + limit, items.length) : items.length;
    const remaining = items.length - end;
    if (remaining === 0) {
      if (id !== undefined) this.#lists.delete(id);
      return { revision, items: items.slice(start, end), next: undefined, remaining };
    }
    const own = id ?? String(this.#nextList++);
    this.#lists.set(own, { items, revision });
    const next = Buffer.from(JSON.stringify([own, end])).toString("base64url");
    return { revision, items: items.slice(start, end), next, remaining };
  }

  /** Every token of a list that was begun has expired. */
  expireLists(): void {
    this.#lists.clear();
  }

  /** Nothing that was written before now can be watched from any more. */
  forgetHistory(): void {
    this.#history.length = 0;
    this.#oldest = this.revision;
  }

  /** As after a restore from a backup that was taken `back` writes ago: its content is the caller's. */
  goBack(back: number): void {
    this.revision -= back;
    this.forgetHistory();
  }

  create(kind: string, object: KubeObject): KubeObject | Refusal {
    if (this.get(kind, object.metadata.name) !== undefined) return "exists";
    const uid = `00000000-0000-4000-8000-${String(this.revision).padStart(12, "0")}`;
    const creationTimestamp = new Date().toISOString().replace(/\.\d+Z/, "Z");
    const metadata = { ...object.metadata, uid, creationTimestamp };
    return this.#write(kind, { ...object, metadata }, "ADDED");
  }

  /** @param condition the version it must have, where the caller names one */
  update(kind: string, object: KubeObject, condition: string | undefined): KubeObject | Refusal {
    const old = this.get(kind, object.metadata.name);
    if (old === undefined) return "not found";
    if (condition !== undefined && condition !== old.metadata.resourceVersion) return "conflict";
    const { uid, creationTimestamp } = old.metadata;
    const metadata = { ...object.metadata, uid, creationTimestamp };
    const next = { ...object, metadata: { ...metadata, resourceVersion: "" } };
    const before = { ...old, metadata: { ...old.metadata, resourceVersion: "" } };
    // A write that changes nothing makes no event and no new version.
    if (sorted(next) === sorted(before)) return old;
    return this.#write(kind, next as KubeObject, "MODIFIED");
  }

  delete(kind: string, name: string, condition: string | undefined): KubeObject | Refusal {
    const old = this.get(kind, name);
    if (old === undefined) return "not found";
    if (condition !== undefined && condition !== old.metadata.resourceVersion) return "conflict";
    this.#objects.get(kind)?.delete(name);
    return this.#note(kind, old, "DELETED");
  }

  /**
   * Calls back for every write after `revision`, those of the past at once; from undefined or "0",
   * for everything that there is.
   * @returns how to stop, or "gone"
   */
  watch(kind: string, revision: string | undefined, listener: Listener): (() => void) | "gone" {
    if (revision === undefined || revision === "0") {
      for (const object of this.all(kind)) listener({ type: "ADDED", object });
    } else {
      if (Number(revision) < this.#oldest) return "gone";
      for (const past of this.#history) {
        if (past.kind === kind && past.revision > Number(revision)) {
          listener({ type: past.type, object: past.object });
        }
      }
    }
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  #write(kind: string, object: KubeObject, type: WatchEvent["type"]): KubeObject {
    const written = this.#note(kind, object, type);
    const objects = this.#objects.get(kind) ?? new Map<string, KubeObject>();
    this.#objects.set(kind, objects.set(written.metadata.name, written));
    return written;
  }

  #note(kind: string, object: KubeObject, type: WatchEvent["type"]): KubeObject {
    const resourceVersion = String(++this.revision);
    const noted = { ...object, metadata: { ...object.metadata, resourceVersion } };
    this.#history.push({ kind, type, object: noted, revision: this.revision });
    for (const listener of this.#listeners.get(kind) ?? []) listener({ type, object: noted });
    return noted;
  }
}

function readToken(token: string): [string, number] {
  try {
    return JSON.parse(Buffer.from(token, "base64url").toString());
  } catch {
    return ["", 0];
  }
}

/** JSON with its keys in order. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, inner) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

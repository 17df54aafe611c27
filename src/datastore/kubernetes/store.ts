/**
 * `kubernetes:`: the nodes of a cluster and Calico's kinds, each listed and watched by itself
 * (kind-follower.ts). Here they are put together: what counts as one list, as one change, and what
 * is said of the cluster as a whole.
 */
import type { BlockOrigin } from "../../../tunnels/model/block-origin.ts";
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import { CausewayError, reasonOf } from "../../errors.ts";
import type { Entry } from "../entry.ts";
import type { EntryChange } from "../followed-records.ts";
import type { RemoteStore } from "../remote.ts";
import type { RemoteFeed } from "../remote-feed.ts";
import type { ApiClient } from "./api-client.ts";
import { type ApiForm, calicoApiForm } from "./api-form.ts";
import { type ApiKind, findServedGroup, type ServedGroup } from "./api-kinds.ts";
import {
  KindFollower,
  type KindList,
  type KindListener,
  type KindTrouble,
} from "./kind-follower.ts";
import type { ApiObject } from "./kind-list.ts";
import { Recovery, type RecoveryTimings, recoveryTimings } from "./recovery.ts";

/** Times in milliseconds. */
export interface KubernetesTimings extends RecoveryTimings {
  /** Events are gathered until none has come for this time: writers touch several objects in a row. */
  readonly quiet: number;
  /** Between two looks at what a cluster does not serve, or refuses. */
  readonly recheck: number;
  /** After which a watch that the server should have ended is given up. */
  readonly overtime: number;
}

export const kubernetesTimings: KubernetesTimings = {
  ...recoveryTimings,
  quiet: 15,
  recheck: 60_000,
  overtime: 10_000,
};

export interface KubernetesStoreOptions {
  readonly blocks: BlockOrigin;
  readonly timings?: Partial<KubernetesTimings>;
  /** Calico's without. */
  readonly form?: ApiForm;
}

/** Milliseconds for what a form has to read besides. */
const PREPARE_MS = 30_000;
/** Quiet times after which events that go on coming are told all the same. */
const PATIENCE = 15;

/** What is known of one kind. */
interface KindState {
  readonly kind: ApiKind;
  readonly follower: KindFollower;
  /** Listed or watched at present, or known not to be there. */
  isSettled: boolean;
  /** A list that was not told yet, with the events since. */
  list: Map<string, Entry> | undefined;
  wasListed: boolean;
}

export class KubernetesStore implements RemoteStore, KindListener {
  readonly url: string;
  readonly #client: ApiClient;
  readonly #form: ApiForm;
  readonly #timings: KubernetesTimings;
  readonly #recovery: Recovery;
  readonly #kinds: readonly KindState[];
  readonly #changes: EntryChange[] = [];
  /** What is wrong with which kind; the newest is the last. */
  readonly #troubles = new Map<ApiKind, KindTrouble>();
  #feed: RemoteFeed | undefined;
  #revision = "0";
  /** A list that was not told yet is older than this. */
  #olderThan: string | undefined;
  #readAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #waitsUntil = 0;
  #isFirst = true;
  #finding: Promise<ServedGroup | undefined> | undefined;

  constructor(client: ApiClient, options: KubernetesStoreOptions) {
    this.#form = options.form ?? calicoApiForm(options.blocks);
    this.url = `${this.#form.scheme}:${client.server}`;
    this.#client = client;
    this.#timings = { ...kubernetesTimings, ...options.timings };
    this.#recovery = new Recovery(this.#timings);
    this.#kinds = this.#form.kinds.map((kind) => {
      const follower = new KindFollower({
        client,
        recovery: this.#recovery,
        listener: this,
        kind,
        entryOf: this.#form.entryOf,
        findGroup: (signal) => this.#findGroup(signal),
        recheck: this.#timings.recheck,
        overtime: this.#timings.overtime,
      });
      return {
        kind,
        follower,
        isSettled: false,
        list: undefined,
        wasListed: false,
      };
    });
  }

  keyOf(resource: Resource): string {
    return this.#form.keyOf(resource);
  }

  async follow(feed: RemoteFeed, signal: AbortSignal): Promise<void> {
    this.#feed = feed;
    await this.#form.prepare?.(signal);
    try {
      await Promise.all(this.#kinds.map(({ follower }) => follower.follow(signal)));
    } finally {
      clearTimeout(this.#timer);
      if (signal.aborted) this.#client.close();
    }
  }

  relist(): void {
    const { prepare } = this.#form;
    if (prepare === undefined) this.#listAll();
    else {
      const isOver = AbortSignal.timeout(PREPARE_MS);
      void prepare(isOver).then(
        () => this.#listAll(),
        (error) => this.#feed?.lost(reasonOf(error)),
      );
    }
  }

  #listAll(): void {
    // All together: a cluster that has lost everything is known by a list that has nothing.
    for (const state of this.#kinds) state.isSettled = false;
    for (const { follower } of this.#kinds) follower.relist();
    this.#recovery.hurry();
  }

  listed(kind: ApiKind, { entries, revision, olderThan, readAt }: KindList): void {
    const state = this.#state(kind);
    state.list = entries;
    this.#olderThan ??= olderThan;
    this.#note(revision, readAt);
    this.#settle(state);
  }

  changed(kind: ApiKind, object: ApiObject, isThere: boolean, readAt: number): void {
    const { list } = this.#state(kind);
    const entry = this.#form.entryOf(kind, object);
    const key = entry.file;
    this.#note(object.metadata?.resourceVersion ?? this.#revision, readAt);
    if (list === undefined) this.#changes.push({ key, entry: isThere ? entry : undefined });
    else if (isThere) list.set(key, entry);
    else list.delete(key);
    this.#gather();
  }

  watching(kind: ApiKind, readAt: number): void {
    this.#readAt = Math.max(this.#readAt, readAt);
    this.#settle(this.#state(kind));
  }

  lost(kind: ApiKind, trouble: KindTrouble): void {
    const state = this.#state(kind);
    state.isSettled = trouble.what === "missing";
    this.#troubles.delete(kind);
    const isNone = trouble.what === "missing" && kind.isOptional && !state.wasListed;
    if (isNone) state.list ??= new Map();
    else this.#troubles.set(kind, trouble);
    this.#tell();
  }

  #settle(state: KindState): void {
    state.isSettled = true;
    this.#troubles.delete(state.kind);
    this.#gather();
  }

  #state(kind: ApiKind): KindState {
    const state = this.#kinds.find((one) => one.kind === kind);
    if (state === undefined) throw new CausewayError("internal", `${kind.plural} are not followed`);
    return state;
  }

  #note(revision: string, readAt: number): void {
    this.#revision = revision;
    this.#readAt = Math.max(this.#readAt, readAt);
  }

  #gather(): void {
    const now = performance.now();
    const { quiet } = this.#timings;
    if (this.#timer === undefined) this.#waitsUntil = now + PATIENCE * quiet;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), Math.min(quiet, this.#waitsUntil - now));
  }

  /** Tells what was gathered, and how things stand. */
  #tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const feed = this.#feed;
    if (feed === undefined) return;
    const revision = this.#revision;
    const readAt = this.#readAt;
    this.#tellLists(feed);
    const changes = this.#changes.splice(0);
    if (changes.length > 0 && !this.#isFirst) feed.changed({ changes, revision, readAt });
    const trouble = this.#trouble();
    if (trouble !== undefined) feed.lost(trouble.reason, trouble.state);
    else if (!this.#isFirst && this.#kinds.every(({ isSettled }) => isSettled)) feed.found(readAt);
  }

  /** Lists count once there is no kind left whose list may be about to come. */
  #tellLists(feed: RemoteFeed): void {
    if (!this.#kinds.every(({ isSettled }) => isSettled)) return;
    const fresh = this.#kinds.filter(({ list }) => list !== undefined);
    if (fresh.length === 0 || (this.#isFirst && fresh.length < this.#kinds.length)) return;
    const entries = fresh.flatMap(({ list }) => [...(list?.values() ?? [])]);
    const prefixes = fresh.map(({ kind }) => `${kind.plural}/`);
    const covers = (key: string): boolean => prefixes.some((prefix) => key.startsWith(prefix));
    const isAll = fresh.length === this.#kinds.length;
    feed.listed({
      entries: [...entries, ...(this.#form.others?.() ?? [])],
      revision: this.#revision,
      readAt: this.#readAt,
      olderThan: this.#olderThan,
      ...(isAll ? {} : { covers }),
    });
    this.#olderThan = undefined;
    this.#isFirst = false;
    for (const state of fresh) {
      state.list = undefined;
      state.wasListed = true;
    }
  }

  /** The one thing to say of all that is wrong: what keeps most from working. */
  #trouble(): { state: "unreachable" | "incomplete"; reason: string } | undefined {
    const troubles = [...this.#troubles.values()];
    const worst =
      troubles.findLast(({ what }) => what === "server") ??
      troubles.findLast(({ what }) => what === "refused") ??
      troubles.at(-1);
    if (worst === undefined) return undefined;
    return { state: worst.what === "missing" ? "incomplete" : "unreachable", reason: worst.reason };
  }

  /** All kinds ask at about the same time: one look is enough for them. */
  #findGroup(signal: AbortSignal): Promise<ServedGroup | undefined> {
    this.#finding ??= findServedGroup(this.#client, signal).finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }
}

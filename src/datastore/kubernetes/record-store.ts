/**
 * Records in a Kubernetes cluster, by optimistic locking on `resourceVersion`. Calico's kinds are
 * custom resources; nodes are annotations of the core Nodes (node-form.ts).
 */
import { CausewayError } from "../../errors.ts";
import type {
  ListOptions,
  RecordKind,
  RecordStore,
  RecordValue,
  StoredRecord,
} from "../record-store.ts";
import type { Answer, ApiClient, ApiRequest } from "./api-client.ts";
import {
  calicoGroups,
  findServedGroup,
  missingText,
  pathOf,
  type ServedGroup,
} from "./api-kinds.ts";
import { customObject, customRecord, objectName, pluralOf } from "./custom-form.ts";
import { type ApiObject, listKind } from "./kind-list.ts";
import { annotationPatch, isRegistered, nodeRecord } from "./node-form.ts";
import { refusalText, statusOf } from "./refusal.ts";

const NODES = "/api/v1/nodes";
const MERGE_PATCH = "application/merge-patch+json";

export class KubernetesRecordStore implements RecordStore {
  readonly url: string;
  readonly #client: ApiClient;
  #served: ServedGroup | undefined;

  /** The client is this store's own: `close` closes it. */
  constructor(client: ApiClient) {
    this.url = `kubernetes:${client.server}`;
    this.#client = client;
  }

  async get(kind: RecordKind, name: string): Promise<StoredRecord | undefined> {
    const object = await this.#read(kind, name);
    return object && this.#stored(kind, object);
  }

  async list(kind: RecordKind, { node }: ListOptions = {}): Promise<readonly StoredRecord[]> {
    const records: StoredRecord[] = [];
    const take = (objects: readonly ApiObject[]): void => {
      for (const object of objects) {
        const record = this.#stored(kind, object);
        if (record === undefined || (node !== undefined && record.value.spec["node"] !== node)) {
          continue;
        }
        records.push(record);
      }
    };
    const restart = (): void => void records.splice(0);
    const list = await listKind(this.#client, await this.#path(kind), { take, restart });
    if ("status" in list) throw refused(list, `list ${kind}s`);
    return records.sort((a, b) => (a.value.metadata.name < b.value.metadata.name ? -1 : 1));
  }

  async create(value: RecordValue): Promise<StoredRecord> {
    const { kind, metadata } = value;
    if (kind === "Node") {
      const node = await this.#coreNode(metadata.name);
      if (isRegistered(node)) throw conflict(value, "it is registered already");
      return this.#annotate(node, value);
    }
    const { group } = await this.#group();
    const body = customObject({ ...value, kind }, group, undefined);
    const path = await this.#path(kind);
    return this.#write({ method: "POST", path, body }, value, "create");
  }

  async update(value: RecordValue, revision: string): Promise<StoredRecord> {
    const { kind, metadata } = value;
    const before = await this.#read(kind, metadata.name);
    if (before === undefined) throw conflict(value, "it is gone");
    if (before.metadata?.resourceVersion !== revision) {
      throw conflict(value, `it has changed since revision ${revision}`);
    }
    if (kind === "Node") return this.#annotate(before, value);
    const { group } = await this.#group();
    const body = customObject({ ...value, kind }, group, before);
    const path = await this.#path(kind, metadata.name);
    return this.#write({ method: "PUT", path, body }, value, "update");
  }

  async delete(kind: RecordKind, name: string, revision: string): Promise<void> {
    const value = { kind, metadata: { name } };
    if (kind === "Node") {
      const node = await this.#read(kind, name);
      if (node === undefined || !isRegistered(node)) return;
      if (node.metadata?.resourceVersion !== revision) {
        throw conflict(value, `it has changed since revision ${revision}`);
      }
      await this.#annotate(node, undefined);
      return;
    }
    const path = await this.#path(kind, name);
    const body = { preconditions: { resourceVersion: revision } };
    const answer = await this.#client.request({ method: "DELETE", path, body });
    if (answer.status === 404) return this.#isNone(kind, answer);
    if (answer.status >= 300) throw writeRefused(answer, value, "delete");
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #read(kind: RecordKind, name: string): Promise<ApiObject | undefined> {
    const path = await this.#path(kind, name);
    const answer = await this.#client.request({ method: "GET", path });
    if (answer.status === 404) return this.#isNone(kind, answer);
    if (answer.status !== 200) throw refused(answer, `read ${kind} "${name}"`);
    return answer.value as ApiObject;
  }

  /** @throws CausewayError `bad-resource` where Kubernetes has no such node */
  async #coreNode(name: string): Promise<ApiObject> {
    const node = await this.#read("Node", name);
    if (node !== undefined) return node;
    throw new CausewayError("bad-resource", `Kubernetes has no node "${name}" to register`, {
      hint: "--node has to be the name that kubectl get nodes shows; the kubelet makes the node",
    });
  }

  /** @param record undefined: what is registered is taken away */
  async #annotate(node: ApiObject, record: RecordValue | undefined): Promise<StoredRecord> {
    const { name = "", resourceVersion } = node.metadata ?? {};
    const annotations = annotationPatch(node, record);
    const request = {
      method: "PATCH",
      path: `${NODES}/${name}`,
      contentType: MERGE_PATCH,
      body: { metadata: { resourceVersion, annotations } },
    } as const;
    return this.#write(request, { kind: "Node", metadata: { name } }, "annotate");
  }

  async #write(
    request: ApiRequest,
    value: Pick<RecordValue, "kind" | "metadata">,
    verb: string,
  ): Promise<StoredRecord> {
    const answer = await this.#client.request(request);
    if (answer.status === 404) this.#isNone(value.kind, answer);
    if (answer.status >= 300) throw writeRefused(answer, value, verb);
    return this.#toStored(value.kind, answer.value as ApiObject);
  }

  #stored(kind: RecordKind, object: ApiObject): StoredRecord | undefined {
    return kind === "Node" && !isRegistered(object) ? undefined : this.#toStored(kind, object);
  }

  #toStored(kind: RecordKind, object: ApiObject): StoredRecord {
    const value = kind === "Node" ? nodeRecord(object) : customRecord(kind, object);
    return { value, revision: object.metadata?.resourceVersion ?? "" };
  }

  /** There is no such object. @throws CausewayError `datastore` if there is not even the kind */
  #isNone(kind: RecordKind, answer: Answer): undefined {
    if (statusOf(answer).reason === "NotFound") return;
    const group = this.#served?.group;
    this.#served = undefined;
    const plural = kind === "Node" ? "nodes" : pluralOf(kind, group ?? calicoGroups[0]);
    throw new CausewayError("datastore", missingText(plural, group));
  }

  async #path(kind: RecordKind, name?: string): Promise<string> {
    if (kind === "Node") return name === undefined ? NODES : `${NODES}/${name}`;
    const { group, plurals } = await this.#group();
    const plural = pluralOf(kind, group);
    if (!plurals.has(plural)) throw new CausewayError("datastore", missingText(plural, group));
    const path = pathOf({ plural }, group);
    return name === undefined ? path : `${path}/${encodeURIComponent(objectName(kind, name))}`;
  }

  async #group(): Promise<ServedGroup> {
    const served = this.#served ?? (await findServedGroup(this.#client));
    if (served === undefined) {
      throw new CausewayError("datastore", missingText("ippools", undefined));
    }
    // A group that lacks a kind may get it yet.
    this.#served = served.plurals.has("ipamhandles") ? served : undefined;
    return served;
  }
}

type Named = Pick<RecordValue, "kind" | "metadata">;

function titleOf({ kind, metadata }: Named): string {
  return `${kind} "${metadata.name}"`;
}

function conflict(value: Named, reason: string): CausewayError {
  const hint = "somebody else was first: read it again";
  return new CausewayError("conflict", `${titleOf(value)}: ${reason}`, { hint });
}

function refused(answer: Answer, doing: string): CausewayError {
  return new CausewayError("datastore", refusalText(answer, doing));
}

function writeRefused(answer: Answer, value: Named, verb: string): CausewayError {
  const { message = `status ${answer.status}` } = statusOf(answer);
  if (answer.status === 409) return conflict(value, message);
  if (answer.status === 404 && verb !== "create") return conflict(value, "it is gone");
  if (answer.status === 422 || answer.status === 400) {
    return new CausewayError("bad-resource", `${titleOf(value)}: ${message}`);
  }
  return refused(answer, `${verb} ${titleOf(value)}`);
}

/** Everything that is asked of objects but to watch them: list, get, create, update, patch, delete. */
import type { Faults } from "./faults.ts";
import { apiVersionOf, type ServedKind } from "./kinds.ts";
import type { KubeObject, ObjectStore, Refusal } from "./object-store.ts";
import { failure } from "./status.ts";

export interface ResourceRequest {
  readonly kind: ServedKind;
  readonly key: string;
  readonly method: string;
  readonly name: string | undefined;
  /** Of the object's `status` alone; annotations go through it, too. */
  readonly isStatus: boolean;
  readonly query: URLSearchParams;
  readonly body: string;
  readonly contentType: string;
}

export interface Answer {
  readonly code: number;
  readonly value: object;
}

export function answerRequest(
  store: ObjectStore,
  faults: Faults,
  request: ResourceRequest,
): Answer {
  const { method, name } = request;
  if (name === undefined) {
    if (method === "GET") return list(store, faults, request);
    if (method === "POST") return write(store, request, "create");
  } else {
    if (method === "GET") {
      const object = store.get(request.key, name);
      return object === undefined
        ? refusal("not found", request)
        : { code: 200, value: typed(object, request.kind) };
    }
    if (method === "PUT") return write(store, request, "update");
    if (method === "PATCH") return patch(store, request);
    if (method === "DELETE") return remove(store, request);
  }
  const message = "the server does not allow this method on the requested resource";
  return { code: 405, value: failure(405, message, { reason: "MethodNotAllowed" }) };
}

function list(store: ObjectStore, faults: Faults, request: ResourceRequest): Answer {
  const { key, query, kind } = request;
  const token = query.get("continue") ?? undefined;
  if (token !== undefined && faults.take("goneInList")) store.expireLists();
  const selects = selector(query);
  const page = store.list(key, Number(query.get("limit") ?? 0), token, selects);
  if (typeof page === "string") {
    const message =
      "The provided continue parameter is too old to display a consistent list result.";
    return { code: 410, value: failure(410, message) };
  }
  const metadata = {
    resourceVersion: String(page.revision),
    ...(page.next === undefined ? {} : { continue: page.next, remainingItemCount: page.remaining }),
  };
  // Items of core kinds do not say what they are; custom resources do.
  const items = page.items.map((item) =>
    kind.group === "" ? { ...item, apiVersion: undefined, kind: undefined } : typed(item, kind),
  );
  const apiVersion = apiVersionOf(kind);
  return { code: 200, value: { kind: `${kind.kind}List`, apiVersion, metadata, items } };
}

function write(store: ObjectStore, request: ResourceRequest, verb: "create" | "update"): Answer {
  const object = parseObject(request.body);
  if (object === undefined) return badRequest("the body is not an object with a name");
  const wrong = checkType(object, request);
  if (wrong !== undefined) return wrong;
  const invalid = checkSchema(object, request.kind);
  if (invalid !== undefined) return invalid;
  const { resourceVersion } = object.metadata;
  if (verb === "create") {
    if (resourceVersion)
      return badRequest("resourceVersion should not be set on objects to create");
    return result(store.create(request.key, object), request, 201);
  }
  // Custom resources have to name the version that they replace.
  if (request.kind.group !== "" && !resourceVersion) {
    const message = "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update";
    return { code: 422, value: failure(422, message) };
  }
  return result(store.update(request.key, object, resourceVersion), request, 200);
}

function patch(store: ObjectStore, request: ResourceRequest): Answer {
  const isStrategic = request.contentType.startsWith("application/strategic-merge-patch+json");
  if (!isStrategic && !request.contentType.startsWith("application/merge-patch+json")) {
    return { code: 415, value: failure(415, "only merge patches here") };
  }
  // Custom resources have no strategy.
  if (isStrategic && request.kind.group !== "") {
    return { code: 415, value: failure(415, "the body of the request was in an unknown format") };
  }
  const old = store.get(request.key, request.name ?? "");
  if (old === undefined) return refusal("not found", request);
  const change = JSON.parse(request.body);
  const condition: string | undefined = change.metadata?.resourceVersion;
  const merged = mergePatch(old, partOf(change, request)) as KubeObject;
  const conditions = isStrategic ? mergedConditions(old, change.status?.conditions) : undefined;
  const next =
    conditions === undefined
      ? merged
      : { ...merged, status: { ...(merged["status"] as object), conditions } };
  const invalid = checkSchema(next, request.kind);
  if (invalid !== undefined) return invalid;
  return result(store.update(request.key, next, condition), request, 200);
}

function remove(store: ObjectStore, request: ResourceRequest): Answer {
  const options = request.body === "" ? {} : JSON.parse(request.body);
  const condition: string | undefined = options.preconditions?.resourceVersion;
  const removed = store.delete(request.key, request.name ?? "", condition);
  if (typeof removed === "string") return refusal(removed, request);
  const value = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 200 };
  return { code: 200, value };
}

/** Of a core kind either everything but the status can be patched, or nothing but status and metadata. */
function partOf(change: Record<string, unknown>, { kind, isStatus }: ResourceRequest): object {
  if (kind.group !== "") return change;
  const { spec: _, ...ofStatus } = change;
  const { status: __, ...others } = change;
  return isStatus ? ofStatus : others;
}

interface Condition {
  readonly type: string;
}

/** Their merge key is their type. */
function mergedConditions(
  old: KubeObject,
  changes: readonly Condition[] | undefined,
): Condition[] | undefined {
  if (changes === undefined) return undefined;
  const { conditions = [] } = (old["status"] ?? {}) as { conditions?: readonly Condition[] };
  const byType = new Map(conditions.map((one) => [one.type, one]));
  for (const one of changes) byType.set(one.type, { ...byType.get(one.type), ...one });
  return [...byType.values()];
}

/** RFC 7396. */
function mergePatch(target: unknown, change: unknown): unknown {
  if (typeof change !== "object" || change === null || Array.isArray(change)) return change;
  const isObject = typeof target === "object" && target !== null && !Array.isArray(target);
  const merged: Record<string, unknown> = isObject ? { ...target } : {};
  for (const [key, value] of Object.entries(change)) {
    if (value === null) delete merged[key];
    else merged[key] = mergePatch(merged[key], value);
  }
  return merged;
}

function selector(query: URLSearchParams): (object: KubeObject) => boolean {
  const wanted = (query.get("labelSelector") ?? "").split(",").filter((one) => one !== "");
  const [, name] = /^metadata\.name=(.+)$/.exec(query.get("fieldSelector") ?? "") ?? [];
  return ({ metadata }) => {
    if (name !== undefined && metadata.name !== name) return false;
    const labels = (metadata["labels"] ?? {}) as Record<string, string>;
    return wanted.every((one) => {
      const [key = "", value] = one.split("=");
      return labels[key] === value;
    });
  };
}

function parseObject(body: string): KubeObject | undefined {
  try {
    const object: KubeObject = JSON.parse(body);
    return typeof object.metadata?.name === "string" ? object : undefined;
  } catch {
    return undefined;
  }
}

function checkType(object: KubeObject, { kind, name }: ResourceRequest): Answer | undefined {
  const { apiVersion, kind: said, metadata } = object;
  if (apiVersion !== apiVersionOf(kind) || said !== kind.kind) {
    return badRequest(`${said} in version ${apiVersion} cannot be handled as a ${kind.kind}`);
  }
  if (name !== undefined && metadata.name !== name) {
    return badRequest(`the name of the object (${metadata.name}) does not match the URL (${name})`);
  }
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(metadata.name) && metadata.name.length <= 253) {
    return undefined;
  }
  return invalid(kind, metadata.name, [
    {
      reason: "FieldValueInvalid",
      field: "metadata.name",
      message: "a lowercase RFC 1123 subdomain",
    },
  ]);
}

function checkSchema(object: KubeObject, kind: ServedKind): Answer | undefined {
  const errors = kind.check(object);
  if (errors.length === 0) return undefined;
  const causes = errors.map(({ instancePath, message, keyword }) => ({
    reason: keyword === "required" ? "FieldValueRequired" : "FieldValueTypeInvalid",
    message: message ?? keyword,
    field: instancePath.slice(1).replaceAll("/", "."),
  }));
  return invalid(kind, object.metadata.name, causes);
}

interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

function invalid({ group, kind, plural }: ServedKind, name: string, causes: Cause[]): Answer {
  const what = group === "" ? kind : `${kind}.${group}`;
  const texts = causes.map(({ field, message }) => `${field}: Invalid value: ${message}`);
  const message = `${what} "${name}" is invalid: ${texts.join(", ")}`;
  return { code: 422, value: failure(422, message, { details: { name, kind: plural, causes } }) };
}

function result(outcome: KubeObject | Refusal, request: ResourceRequest, code: number): Answer {
  if (typeof outcome === "string") return refusal(outcome, request);
  return { code, value: typed(outcome, request.kind) };
}

function refusal(reason: Refusal, { kind, name, body }: ResourceRequest): Answer {
  const what = kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
  const named = name ?? parseObject(body)?.metadata.name;
  switch (reason) {
    case "not found":
      return { code: 404, value: failure(404, `${what} "${named}" not found`) };
    case "exists": {
      const message = `${what} "${named}" already exists`;
      return { code: 409, value: failure(409, message, { reason: "AlreadyExists" }) };
    }
    case "conflict": {
      const message = `Operation cannot be fulfilled on ${what} "${named}": the object has been modified; please apply your changes to the latest version and try again`;
      return { code: 409, value: failure(409, message) };
    }
    case "gone":
      return { code: 410, value: failure(410, "too old") };
  }
}

function typed(object: KubeObject, kind: ServedKind): KubeObject {
  return { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind };
}

function badRequest(message: string): Answer {
  return { code: 400, value: failure(400, message) };
}

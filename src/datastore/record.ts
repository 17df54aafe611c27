/** One untrusted, parsed document -> the model, or what is wrong with it. */
import type { Resource, ResourceKind } from "../../tunnels/model/snapshot.ts";
import { nearest } from "../config/nearest.ts";
import { defaultBlockName, type RawBlock, readBlock } from "./record-block.ts";
import { type RawCoreNode, readCoreNode } from "./record-core-node.ts";
import {
  type RawFelixConfiguration,
  readFelixConfiguration,
} from "./record-felix-configuration.ts";
import { type RawIpPool, readIpPool } from "./record-ip-pool.ts";
import { type RawNode, readNode } from "./record-node.ts";
import { type FieldProblem, ProblemList } from "./record-problem.ts";
import { checkShape } from "./shape.ts";

export interface RecordReading {
  /** Absent where it is none of the kinds that are used, or where that cannot be told. */
  readonly kind: ResourceKind | undefined;
  readonly name: string | undefined;
  /** Absent where the record is refused, says `deleted`, or is none of the kinds that are used. */
  readonly resource: Resource | undefined;
  readonly problems: readonly FieldProblem[];
}

/** The type of a record that does not say its own: an item of an `IPPoolList`. */
export interface RecordType {
  readonly apiVersion: unknown;
  readonly kind: unknown;
}

const usedKinds = ["IPPool", "IPAMBlock", "Node", "FelixConfiguration"] as const;

/** Calico's own groups, as exported by calicoctl and by kubectl. */
const calicoGroups = ["projectcalico.org/v3", "crd.projectcalico.org/v1"];

/** Calico's other kinds come along with an export and are passed over in silence. */
const unusedKinds = `BGPConfiguration BGPFilter BGPPeer BlockAffinity CalicoNodeStatus
ClusterInformation GlobalNetworkPolicy GlobalNetworkSet HostEndpoint IPAMConfig IPAMConfiguration
IPAMHandle IPReservation KubeControllersConfiguration NetworkPolicy NetworkSet Profile
StagedGlobalNetworkPolicy StagedKubernetesNetworkPolicy StagedNetworkPolicy Tier
WorkloadEndpoint`.split(/\s+/);

const noProblems: readonly FieldProblem[] = [];

/** Reads one record. Never throws for what it holds. */
export function readRecord(raw: unknown, inherited?: RecordType): RecordReading {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    const found = Array.isArray(raw) ? "a list" : raw === null ? "null" : `a ${typeof raw}`;
    return refusal([], `not a resource but ${found}; expected apiVersion, kind, metadata, spec`);
  }
  const { apiVersion = inherited?.apiVersion, kind = inherited?.kind } = raw as Partial<RecordType>;
  const type = checkType(apiVersion, kind);
  if (typeof type !== "string") return type;
  const { metadata, spec } = raw as {
    metadata?: { name?: unknown } | null;
    spec?: { cidr?: unknown } | null;
  };
  let name = metadata?.name;
  if ((name === undefined || name === null) && type === "IPAMBlock") {
    if (typeof spec?.cidr === "string") name = defaultBlockName(spec.cidr);
  }
  const problems = new ProblemList();
  const schema = type === "Node" && apiVersion === "v1" ? "core Node" : type;
  const isReadable = checkShape(schema, raw, problems);
  if (typeof name !== "string" || name === "") {
    if (!problems.items.some(({ path }) => path.join(".") === "metadata.name")) {
      problems.error(["metadata", "name"], "missing");
    }
    return { kind: type, name: undefined, resource: undefined, problems: problems.items };
  }
  const built = isReadable ? build(type, name, raw, apiVersion, problems) : undefined;
  const resource = problems.items.length > 0 && problems.hasErrors ? undefined : built;
  return {
    kind: type,
    name,
    resource,
    problems: problems.items.length === 0 ? noProblems : problems.items,
  };
}

/** `List`, `IPPoolList`, …: a document that only carries others. */
export function isListKind(kind: unknown): kind is string {
  return typeof kind === "string" && kind.endsWith("List");
}

/** The type that the items of a list inherit; a plain `List` gives them none. */
export function itemType(list: RecordType): RecordType | undefined {
  if (!isListKind(list.kind) || list.kind === "List") return undefined;
  return { apiVersion: list.apiVersion, kind: list.kind.slice(0, -"List".length) };
}

function build(
  kind: ResourceKind,
  name: string,
  raw: unknown,
  apiVersion: unknown,
  problems: ProblemList,
): Resource | undefined {
  switch (kind) {
    case "IPPool":
      return readIpPool(name, raw as RawIpPool, problems);
    case "IPAMBlock": {
      const { deleted } = (raw as RawBlock).spec;
      return deleted === true || deleted === "true"
        ? undefined
        : readBlock(name, raw as RawBlock, problems);
    }
    case "Node":
      return apiVersion === "v1"
        ? readCoreNode(name, raw as RawCoreNode, problems)
        : readNode(name, raw as RawNode, problems);
    case "FelixConfiguration":
      return readFelixConfiguration(name, raw as RawFelixConfiguration, problems);
  }
}

/** The kind, if it is one that is used; else the reading that says why not. */
function checkType(apiVersion: unknown, kind: unknown): ResourceKind | RecordReading {
  if (typeof kind !== "string" || kind === "") return refusal(["kind"], "missing");
  const isCalico = typeof apiVersion === "string" && calicoGroups.includes(apiVersion);
  const used = usedKinds.find((one) => one === kind);
  if (used !== undefined) {
    if (isCalico || (used === "Node" && apiVersion === "v1")) return used;
    const wanted = used === "Node" ? "projectcalico.org/v3 or v1" : "projectcalico.org/v3";
    if (apiVersion === undefined || apiVersion === null) {
      return refusal(["apiVersion"], `missing; use ${wanted}`);
    }
    return refusal(["apiVersion"], `not known for ${used}; use ${wanted}`, apiVersion);
  }
  if (isCalico) {
    if (unusedKinds.includes(kind)) return notUsed(noProblems);
    const near = nearest(kind, [...usedKinds, ...unusedKinds]);
    const meant =
      near === undefined ? `; used are ${usedKinds.join(", ")}` : `; did you mean ${near}?`;
    return refusal(["kind"], `no such kind${meant}`, kind);
  }
  const near = nearest(kind, usedKinds);
  if (near !== undefined) return refusal(["kind"], `no such kind; did you mean ${near}?`, kind);
  const problems = new ProblemList();
  problems.warn(["kind"], `not a kind that causeway uses (${usedKinds.join(", ")})`, kind);
  return notUsed(problems.items);
}

function refusal(path: FieldProblem["path"], reason: string, value?: unknown): RecordReading {
  const problems = new ProblemList();
  problems.error(path, reason, value);
  return notUsed(problems.items);
}

function notUsed(problems: readonly FieldProblem[]): RecordReading {
  return { kind: undefined, name: undefined, resource: undefined, problems };
}

/**
 * A flannel network in Kubernetes: its nodes are the annotated core Nodes, its configuration is a
 * file or a ConfigMap. That is read at start and whenever everything is listed anew, as flannel
 * reads it when it starts.
 */
import { readFile } from "node:fs/promises";
import type { Resource } from "../../../tunnels/model/snapshot.ts";
import { CausewayError, errnoOf, reasonOf } from "../../errors.ts";
import { type Entry, entryOf } from "../entry.ts";
import type { ApiClient } from "../kubernetes/api-client.ts";
import type { ApiForm } from "../kubernetes/api-form.ts";
import { coreNodes } from "../kubernetes/api-kinds.ts";
import { keyOf } from "../kubernetes/api-record.ts";
import type { ApiObject } from "../kubernetes/kind-list.ts";
import { refusalText } from "../kubernetes/refusal.ts";
import { ProblemList } from "../record-problem.ts";
import { entryProblem, unreadableRemote } from "../remote-entry.ts";
import { readAnnotatedNode } from "./annotations.ts";
import { networkEntries, placeInNetwork } from "./network-entries.ts";
import type { OwnLease } from "./own-lease.ts";

/** The configuration as text, and where it stands. */
export interface NetworkText {
  readonly text: string;
  readonly where: string;
}

/** Where flannel's own manifests mount it. */
const FILE = "/etc/kube-flannel/net-conf.json";
const CONFIG_MAPS = [
  "/api/v1/namespaces/kube-flannel/configmaps/kube-flannel-cfg",
  "/api/v1/namespaces/kube-system/configmaps/kube-flannel-cfg",
];
const MEMBER = "net-conf.json";

/**
 * The file that was named, else flannel's own file, else its ConfigMap.
 * @throws CausewayError `bad-config` or `datastore`
 */
export async function readNetworkText(
  client: ApiClient,
  file: string | undefined,
  signal?: AbortSignal,
): Promise<NetworkText> {
  const path = file ?? FILE;
  try {
    return { text: await readFile(path, "utf8"), where: path };
  } catch (error) {
    if (file !== undefined || errnoOf(error) !== "ENOENT") {
      const what = `cannot read --flannel-config ${path}: ${reasonOf(error)}`;
      throw new CausewayError("bad-config", what, { cause: error });
    }
  }
  for (const where of CONFIG_MAPS) {
    const answer = await client.request({ method: "GET", path: where }, signal);
    if (answer.status === 404) continue;
    if (answer.status !== 200) {
      throw new CausewayError("datastore", refusalText(answer, "read flannel's ConfigMap"));
    }
    const { data } = answer.value as { data?: Readonly<Record<string, string>> };
    const text = data?.[MEMBER];
    if (text !== undefined) return { text, where: `${where} ${MEMBER}` };
  }
  const what = `no configuration of flannel: neither ${FILE} nor a ConfigMap kube-flannel-cfg`;
  throw new CausewayError("datastore", what, { hint: "name its net-conf.json: --flannel-config" });
}

export function flannelApiForm(
  client: ApiClient,
  file: string | undefined,
  own: OwnLease,
): ApiForm {
  let network: NetworkText | undefined;
  let ownEntry: Entry | undefined;
  return {
    scheme: "flannel+kubernetes",
    kinds: [coreNodes],
    keyOf: (resource: Resource) =>
      placeInNetwork(resource, network?.where ?? "") ?? keyOf(resource.kind, resource.name),
    entryOf: (_kind, object) => {
      const entry = nodeEntry(object);
      if (entry.name !== own.node) return entry;
      if (entry.resource !== undefined) ownEntry = entry;
      else if (ownEntry !== undefined) {
        // Its annotations are gone or wrong: they are written again, and forwarding goes on.
        own.onLost();
        if (own.isKept) return ownEntry;
      }
      return entry;
    },
    prepare: async (signal) => {
      network = await readNetworkText(client, file, signal);
    },
    others: () => (network === undefined ? [] : networkEntries(network.text, network.where)),
  };
}

function nodeEntry(object: ApiObject): Entry {
  const name = object.metadata?.name ?? "";
  const key = keyOf("Node", name);
  const list = new ProblemList();
  const node = readAnnotatedNode(object, list);
  const problems = list.items.map((problem) => entryProblem(problem, false));
  if (node === undefined) return { ...unreadableRemote({ key, kind: "Node", name }, ""), problems };
  return { ...entryOf(node, key, { a: 0, b: 0 }, 0), problems };
}

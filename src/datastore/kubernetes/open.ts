/** From the settings to the cluster: in a pod by its service account, else by a kubeconfig. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Config } from "../../config/settings.ts";
import type { Datastore } from "../datastore.ts";
import type { RecordStore } from "../record-store.ts";
import { RemoteDatastore } from "../remote.ts";
import type { SnapshotFile } from "../snapshot-file.ts";
import type { Access } from "./access.ts";
import { ApiClient } from "./api-client.ts";
import { type Environment, inClusterAccess, isInCluster } from "./in-cluster.ts";
import { kubeconfigAccess } from "./kubeconfig.ts";
import { KubernetesRecordStore } from "./record-store.ts";
import { KubernetesStore } from "./store.ts";

export type AccessSettings = Pick<Config, "kubeconfig" | "kubeContext">;
export type KubernetesSettings = AccessSettings & Pick<Config, "blocks">;

/** @throws CausewayError `bad-config` */
export function openKubernetes(
  settings: KubernetesSettings,
  options: { snapshot?: SnapshotFile },
): Datastore {
  const client = new ApiClient(findAccess(settings, process.env));
  return new RemoteDatastore(new KubernetesStore(client, settings), options);
}

/** @throws CausewayError `bad-config` */
export function openKubernetesRecords(settings: AccessSettings): RecordStore {
  return new KubernetesRecordStore(new ApiClient(findAccess(settings, process.env)));
}

/**
 * The kubeconfig that was named, else the pod's service account, else the kubeconfig that kubectl
 * would take.
 * @throws CausewayError `bad-config`
 */
export function findAccess(settings: AccessSettings, env: Environment): Access {
  const { kubeconfig, kubeContext } = settings;
  if (kubeconfig !== undefined) return kubeconfigAccess(kubeconfig, kubeContext);
  if (!isInCluster(env)) {
    // Of a list, the first: what kubectl does with several is to merge them.
    const [first] = (env["KUBECONFIG"] ?? "").split(":").filter((path) => path !== "");
    const path = first ?? join(env["HOME"] ?? homedir(), ".kube", "config");
    if (existsSync(path)) return kubeconfigAccess(path, kubeContext);
  }
  return inClusterAccess(env);
}

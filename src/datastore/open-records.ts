/** From the settings to the store that records are written through. */
import type { Config } from "../config/settings.ts";
import { CausewayError } from "../errors.ts";
import { directoryOf, unknownKind } from "./datastore-url.ts";
import type { RecordStore } from "./record-store.ts";

export type RecordSettings = Pick<Config, "datastore" | "etcd" | "kubeconfig" | "kubeContext">;

/** Whether a datastore of this kind is one that all nodes share, so that agents may register in it. */
export function isShared(url: string): boolean {
  return url.startsWith("etcd:") || url === "kubernetes:";
}

export interface OpenRecordOptions {
  /** A directory that is not there is an empty store, and is made with the first record. */
  readonly makesDirectory?: boolean;
}

/** @throws CausewayError `bad-config` */
export async function openRecordStore(
  settings: RecordSettings,
  options: OpenRecordOptions = {},
): Promise<RecordStore> {
  const { datastore: url } = settings;
  if (url.startsWith("file:")) {
    const { FileRecordStore } = await import("./file-records/record-store.ts");
    return new FileRecordStore(directoryOf(url), options);
  }
  if (url.startsWith("etcd:")) {
    const { openEtcdRecords } = await import("./etcd/open.ts");
    return openEtcdRecords(settings);
  }
  if (url === "kubernetes:") {
    const { openKubernetesRecords } = await import("./kubernetes/open.ts");
    return openKubernetesRecords(settings);
  }
  if (url.startsWith("flannel+")) {
    const what = `${url} holds no records: a flannel network has leases, which its nodes take`;
    throw new CausewayError("bad-config", what, { hint: "causeway show vteps lists them" });
  }
  throw unknownKind(url);
}

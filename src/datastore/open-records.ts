/** From the settings to the store that records are written through. */
import type { Config } from "../config/settings.ts";
import { CausewayError } from "../errors.ts";
import type { RecordStore } from "./record-store.ts";

/** What the operator wanted to do, for the message where it cannot be: "--register". */
export type Purpose = string;

export type RecordSettings = Pick<Config, "datastore" | "etcd" | "kubeconfig" | "kubeContext">;

/** Whether records can be written through a datastore of this kind at all. */
export function canWriteRecords(url: string): boolean {
  return url.startsWith("etcd:") || url === "kubernetes:";
}

/** @throws CausewayError `bad-config` where nothing can be written there */
export async function openRecordStore(
  settings: RecordSettings,
  purpose: Purpose,
): Promise<RecordStore> {
  const { datastore: url } = settings;
  if (url.startsWith("etcd:")) {
    const { openEtcdRecords } = await import("./etcd/open.ts");
    return openEtcdRecords(settings);
  }
  if (url === "kubernetes:") {
    const { openKubernetesRecords } = await import("./kubernetes/open.ts");
    return openKubernetesRecords(settings);
  }
  const what = `${purpose} writes records, and causeway writes none to ${url}`;
  const hint = "write the files of a file datastore yourself; see causeway validate";
  throw new CausewayError("bad-config", what, { hint });
}

/**
 * From `--datastore` to the datastore. What a kind of store needs is loaded when it is the one, so
 * that the others do not pay for it.
 */
import type { Config } from "../config/settings.ts";
import { CausewayError } from "../errors.ts";
import type { Datastore } from "./datastore.ts";
import { directoryOf, unknownKind } from "./datastore-url.ts";
import { FileDatastore } from "./file.ts";
import type { OwnLease } from "./flannel/own-lease.ts";
import type { SnapshotFile } from "./snapshot-file.ts";

/** The settings that say which datastore it is and how to reach it. */
export type DatastoreSettings = Pick<
  Config,
  | "datastore"
  | "kubeconfig"
  | "kubeContext"
  | "blocks"
  | "etcd"
  | "node"
  | "nodeAddress"
  | "flannelConfig"
>;

export interface OpenOptions {
  /** Where the copy of the last good state is kept; none without. */
  readonly snapshot?: SnapshotFile;
  /** Of a flannel network: shared with whoever joins it. */
  readonly own?: OwnLease | undefined;
}

/**
 * @param settings `datastore`: `file:DIR`, a relative DIR is below the working directory;
 *   `etcd://HOST:PORT[,HOST:PORT...][?prefix=/calico]`; `kubernetes:`; `flannel+etcd://…`;
 *   `flannel+kubernetes:`
 * @throws CausewayError `bad-config`
 */
export async function openDatastore(
  settings: DatastoreSettings,
  options: OpenOptions = {},
): Promise<Datastore> {
  const { datastore: url } = settings;
  const [, kind, rest = ""] = /^([a-z+]+):(.*)$/s.exec(url) ?? [];
  switch (kind) {
    case "file":
      return new FileDatastore(directoryOf(url), options);
    case "etcd": {
      const { openEtcd } = await import("./etcd/open.ts");
      return openEtcd(settings, options);
    }
    case "kubernetes": {
      refuseRest(url, rest);
      const { openKubernetes } = await import("./kubernetes/open.ts");
      return openKubernetes(settings, options);
    }
    case "flannel+etcd":
    case "flannel+kubernetes": {
      const { openFlannel } = await import("./flannel/open.ts");
      return openFlannel(settings, options);
    }
    default:
      throw unknownKind(url);
  }
}

/** Where the cluster is stands in the kubeconfig. */
function refuseRest(url: string, rest: string): void {
  if (rest === "") return;
  throw new CausewayError("bad-config", `--datastore "${url}": nothing goes after kubernetes:`, {
    hint: "give --kubeconfig FILE and --kube-context NAME",
  });
}

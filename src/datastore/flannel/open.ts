/** From the settings to a flannel network as a datastore. */
import type { Config } from "../../config/settings.ts";
import { CausewayError } from "../../errors.ts";
import type { Datastore } from "../datastore.ts";
import { parseEtcdUrl } from "../etcd/access.ts";
import { EtcdClient } from "../etcd/client.ts";
import { EtcdStore } from "../etcd/store.ts";
import { ApiClient } from "../kubernetes/api-client.ts";
import { findAccess } from "../kubernetes/open.ts";
import { KubernetesStore } from "../kubernetes/store.ts";
import { RemoteDatastore, type RemoteOptions } from "../remote.ts";
import { flannelApiForm } from "./api-form.ts";
import { flannelForm } from "./etcd-form.ts";
import { OwnLease } from "./own-lease.ts";

export type FlannelSettings = Pick<
  Config,
  "datastore" | "etcd" | "kubeconfig" | "kubeContext" | "node" | "nodeAddress" | "flannelConfig"
>;

export interface FlannelOptions extends RemoteOptions {
  /** Shared with whoever joins. */
  readonly own?: OwnLease | undefined;
}

export const FLANNEL_KUBERNETES = "flannel+kubernetes:";

/**
 * @param settings `datastore`: `flannel+etcd://HOST:PORT[,…][?prefix=/coreos.com/network]`, or
 *   `flannel+kubernetes:`
 * @throws CausewayError `bad-config`
 */
export function openFlannel(settings: FlannelSettings, options: FlannelOptions = {}): Datastore {
  const own = options.own ?? new OwnLease(settings);
  const store = openStore(settings, own);
  own.onMoved = () => store.relist();
  return new RemoteDatastore(store, options);
}

function openStore(settings: FlannelSettings, own: OwnLease): EtcdStore | KubernetesStore {
  const { datastore, etcd, flannelConfig } = settings;
  if (datastore.startsWith("flannel+etcd:")) {
    const client = new EtcdClient(parseEtcdUrl(datastore, etcd));
    return new EtcdStore(client, {}, flannelForm(client.access.prefix, own));
  }
  if (datastore !== FLANNEL_KUBERNETES) {
    const what = `--datastore "${datastore}": unknown kind of flannel network`;
    const hint = `use flannel+etcd://HOST:PORT[,HOST:PORT...] or ${FLANNEL_KUBERNETES}`;
    throw new CausewayError("bad-config", what, { hint });
  }
  const client = new ApiClient(findAccess(settings, process.env));
  const form = flannelApiForm(client, flannelConfig, own);
  return new KubernetesStore(client, { blocks: "podCIDR", form });
}

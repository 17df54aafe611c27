/** From the settings to etcd as a datastore, and as a store of records to write. */
import type { EtcdSettings } from "../../config/etcd-settings.ts";
import type { Datastore } from "../datastore.ts";
import type { RecordStore } from "../record-store.ts";
import { RemoteDatastore, type RemoteOptions } from "../remote.ts";
import { parseEtcdUrl } from "./access.ts";
import { EtcdClient } from "./client.ts";
import { EtcdRecordStore } from "./record-store.ts";
import { EtcdStore } from "./store.ts";

export interface EtcdDatastoreSettings {
  /** `etcd://HOST:PORT[,HOST:PORT...][?prefix=/calico]` */
  readonly datastore: string;
  readonly etcd: EtcdSettings;
}

/** @throws CausewayError `bad-config` */
export function openEtcd(settings: EtcdDatastoreSettings, options: RemoteOptions = {}): Datastore {
  const access = parseEtcdUrl(settings.datastore, settings.etcd);
  return new RemoteDatastore(new EtcdStore(new EtcdClient(access)), options);
}

/** @throws CausewayError `bad-config` */
export function openEtcdRecords({ datastore, etcd }: EtcdDatastoreSettings): RecordStore {
  return new EtcdRecordStore(new EtcdClient(parseEtcdUrl(datastore, etcd)));
}

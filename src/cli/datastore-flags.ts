/** The settings of commands that read and write records: which datastore, and how to reach it. */
import type { Command } from "commander";
import type { Config } from "../config/settings.ts";
import { openRecordStore } from "../datastore/open-records.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

/** How to reach one, whichever it is. */
export const ACCESS_SETTINGS: readonly string[] = [
  "kubeconfig",
  "kubeContext",
  "etcdCa",
  "etcdCert",
  "etcdKey",
  "etcdUser",
  "etcdPassword",
  "etcdPasswordFile",
];

const SETTINGS = ["datastore", ...ACCESS_SETTINGS];

export function addDatastoreFlags(command: Command): Command {
  return addSettingFlags(command, SETTINGS);
}

/**
 * Does something with the store that flags, variables or file name, and closes it.
 * @throws CausewayError
 */
export async function withRecordStore<T>(
  command: Command,
  work: (store: RecordStore, config: Config) => Promise<T>,
): Promise<T> {
  const { config } = configOf(command, ["datastore"], SETTINGS);
  const store = await openRecordStore(config);
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

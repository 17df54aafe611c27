/** From the configuration to what registers this node. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { Config } from "../config/settings.ts";
import { openRecordStore } from "../datastore/open-records.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import type { Logger } from "../observe/log.ts";
import { Registrar } from "./registrar.ts";

export interface OpenRegistrar {
  readonly registrar: Registrar;
  readonly store: RecordStore;
}

/** @throws CausewayError `bad-config` */
export async function openRegistrar(
  config: Config,
  kernel: Pick<Kernel, "readUnderlayRoutes">,
  log: Logger,
): Promise<OpenRegistrar> {
  const { node, register: asked, nodeAddress: wish } = config;
  const store = await openRecordStore(config);
  const parts = { store, node, machine: machineDigest(), asked, wish, kernel, log };
  return { registrar: new Registrar(parts), store };
}

/** Tells machines apart and names none: the id itself is not for the world (machine-id(5)). */
export function machineDigest(): string {
  let id = hostname();
  try {
    id = readFileSync("/etc/machine-id", "utf8").trim() || id;
  } catch {
    // Absent in many containers.
  }
  return createHash("sha256").update(`causeway ${id}`).digest("hex").slice(0, 16);
}

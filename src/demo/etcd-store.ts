/**
 * A real etcd server that a site starts itself: in the router's namespace, where every node reaches
 * it over the underlay. Its records are written through a Unix socket beside its data.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EtcdClient } from "../datastore/etcd/client.ts";
import { EtcdRecordStore } from "../datastore/etcd/record-store.ts";
import type { RecordValue } from "../datastore/record-store.ts";
import { CausewayError, errnoOf, reasonOf } from "../errors.ts";
import type { Namespaces } from "./namespaces.ts";
import type { SiteStore } from "./site-store.ts";
import type { Topology } from "./topology.ts";
import type { Resource } from "./topology-resources.ts";

const PORT = 2379;
const START_MS = 20_000;

/** @throws CausewayError `datastore` if etcd is not installed, or does not start */
export async function openEtcdStore(
  { subnets }: Topology,
  { router }: Namespaces,
  files: string,
): Promise<SiteStore> {
  const url = `etcd://${subnets[0]?.router.ipv4}:${PORT}`;
  const directory = join(files, "etcd");
  mkdirSync(directory);
  const child = startEtcd(router, directory, `http://${subnets[0]?.router.ipv4}:${PORT}`);
  // etcd takes the URL of a socket for a file's name, in its working directory.
  const endpoints = [`unix:${join(directory, SOCKET)}`];
  const client = new EtcdClient({ url, endpoints, prefix: "/calico", settings: {} });
  const records = new EtcdRecordStore(client);
  const close = async (): Promise<void> => {
    await records.close();
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  };
  try {
    await answering(client, child, directory);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    url,
    write: (resources) => write(records, resources),
    close,
    leave: () => child.unref(),
  };
}

const SOCKET = `localhost:${PORT + 2}`;

function startEtcd(namespace: string, directory: string, url: string): ChildProcess {
  const peer = `http://127.0.0.1:${PORT + 1}`;
  const args = [
    ...["--name", "demo", "--data-dir", "data"],
    ...["--listen-client-urls", `http://0.0.0.0:${PORT},unix://${SOCKET}`],
    ...["--advertise-client-urls", url, "--initial-cluster", `demo=${peer}`],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--logger", "zap", "--log-level", "warn"],
  ];
  const log = openSync(join(directory, LOG), "w");
  // In a session of its own, so that Ctrl-C at the terminal reaches us alone.
  const child = spawn("ip", ["netns", "exec", namespace, "etcd", ...args], {
    cwd: directory,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  return child;
}

const LOG = "etcd.log";

async function answering(client: EtcdClient, child: ChildProcess, directory: string) {
  for (const end = Date.now() + START_MS; ; ) {
    try {
      await client.range({ key: Buffer.from("/") });
      return;
    } catch (error) {
      if (child.exitCode === null && Date.now() < end) await sleep(50);
      else throw failure(error, readFileSync(join(directory, LOG), "utf8"));
    }
  }
}

function failure(error: unknown, log: string): CausewayError {
  if (/exec of "etcd" failed/.test(log)) {
    const hint = "apt-get install etcd-server etcd-client";
    return new CausewayError("datastore", "there is no etcd on this machine", { hint });
  }
  const last = log.trimEnd().split("\n").at(-1) ?? "";
  const reason = last === "" ? (errnoOf(error) ?? reasonOf(error)) : last;
  return new CausewayError("datastore", `etcd does not start: ${reason}`, { cause: error });
}

/** Adds records, or replaces them. */
async function write(records: EtcdRecordStore, resources: readonly Resource[]): Promise<void> {
  for (const resource of resources) {
    const value = resource as unknown as RecordValue;
    const old = await records.get(value.kind, value.metadata.name);
    if (old === undefined) await records.create(value);
    else await records.update(value, old.revision);
  }
}

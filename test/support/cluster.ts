// A cluster of network namespaces with a real agent on each node, for tests of whole behaviour. Runs on this
// machine's kernel and, compiled, in User Mode Linux. `await using cluster = await startCluster()` removes it at
// the end of the block; what a killed run leaves is removed by the next one.

import { execFile } from "node:child_process";
import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stringify } from "yaml";
import type { AgentProcess } from "../../src/demo/agent-process.ts";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { PacketStream } from "../../src/demo/packet-stream.ts";
import { type PathProbe, probePaths } from "../../src/demo/probe.ts";
import { type OpenStore, Site, sweepSites } from "../../src/demo/site.ts";
import { demoTopology, type Topology, type TopologyOptions } from "../../src/demo/topology.ts";
import { type Resource, topologyResources } from "../../src/demo/topology-resources.ts";
import { exitWithParent } from "./orphan.ts";

const PREFIX = "cwtest-";
let clusters = 0;

export interface ClusterOptions extends TopologyOptions {
  /** Flags for every agent. */
  readonly agentFlags?: readonly string[];
  /** More flags for the agents of some nodes. */
  readonly nodeFlags?: Readonly<Record<string, readonly string[]>>;
  /** Nodes whose agents are started, and in sync when the cluster is there; all of them without. */
  readonly agents?: readonly string[];
  /** What the agents read; a directory of files without. */
  readonly openStore?: OpenStore;
  /** Settings with which a plan made here reads what the agents read. */
  readonly planFlags?: Readonly<Record<string, string>>;
  /** How long they may take; more than they need on any kernel but a guest's. */
  readonly patienceMs?: number;
}

export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  exitWithParent();
  sweepSites(PREFIX);
  const {
    agentFlags = [],
    nodeFlags = {},
    agents,
    patienceMs,
    openStore,
    planFlags,
    ...shape
  } = options;
  const topology = demoTopology(shape);
  // An agent must not outlive a killed test run.
  const agentWrapper = existsSync("/usr/bin/setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
  const prefix = `${PREFIX}${process.pid}-${++clusters}-`;
  const parts = { topology, prefix, agentFlags, nodeFlags, agentWrapper };
  const site = await Site.build({ ...parts, ...(openStore && { openStore }) });
  const cluster = new Cluster(site, planFlags ?? { datastore: site.store.url });
  try {
    const started = agents ?? topology.nodes.map(({ name }) => name);
    for (const node of started) site.agent(node).start();
    await Promise.all(started.map((node) => site.agent(node).inSync(patienceMs)));
    return cluster;
  } catch (error) {
    await cluster.dispose();
    throw error;
  }
}

export class Cluster {
  readonly site: Site;
  readonly topology: Topology;
  readonly planFlags: Readonly<Record<string, string>>;
  readonly #resources: Map<string, Resource>;

  constructor(site: Site, planFlags: Readonly<Record<string, string>>) {
    this.site = site;
    this.planFlags = planFlags;
    this.topology = site.topology;
    const resources = topologyResources(site.topology);
    this.#resources = new Map(resources.map((resource) => [keyOf(resource), resource]));
  }

  agent(node: string): AgentProcess {
    return this.site.agent(node);
  }

  /** The namespace of a node or a pod. */
  namespace(name: string): string {
    return this.site.namespaces.of(name);
  }

  /** A pod's address in a pool, or a node's block there. */
  address(pod: string, pool: string): string {
    const found = this.topology.nodes.flatMap(({ pods }) => pods).find(({ name }) => name === pod);
    return found?.addresses.get(pool) ?? missing(`address of pod ${pod} in pool ${pool}`);
  }

  block(node: string, pool: string): string {
    const found = this.topology.nodes.find(({ name }) => name === node);
    const block = found?.blocks.find((one) => one.pool.name === pool);
    return block?.cidr ?? missing(`block of node ${node} in pool ${pool}`);
  }

  /** Runs a command in the namespace of a node or pod; returns what it printed. */
  exec(name: string, ...command: readonly string[]): Promise<string> {
    return run("ip", ["netns", "exec", this.namespace(name), ...command]);
  }

  /** `ip` in the namespace of a node or pod: cheaper than exec. */
  ip(name: string, ...args: readonly string[]): Promise<string> {
    return run("ip", ["-n", this.namespace(name), ...args]);
  }

  /** A resource of the datastore as it is now. */
  resource(kind: string, name: string): Resource {
    return this.#resources.get(`${kind}/${name}`) ?? missing(`${kind} ${name}`);
  }

  /** Adds resources to the datastore, or replaces them, in one step for each kind. */
  write(...resources: readonly Resource[]): void {
    for (const resource of resources) this.#resources.set(keyOf(resource), resource);
    this.#writeKinds(resources.map(({ kind }) => kind));
  }

  /** Replaces the named members of a resource's spec; undefined removes one. */
  change(kind: string, name: string, spec: Readonly<Record<string, unknown>>): void {
    const old = this.resource(kind, name);
    this.write({ ...old, spec: { ...old.spec, ...spec } });
  }

  remove(kind: string, name: string): void {
    this.#resources.delete(`${kind}/${name}`);
    this.#writeKinds([kind]);
  }

  /** One echo from pod to pod, and the largest packet that passes. */
  async ping(from: string, to: string, pool: string): Promise<PathProbe> {
    const probes = await probePaths([this.path(from, to, pool)], this.topology.podMtu);
    return probes[0] ?? missing("probe");
  }

  /** Steady packets over several paths, until its `stop` tells what was lost. */
  stream(...paths: readonly EchoPath[]): Promise<PacketStream> {
    return PacketStream.start(paths);
  }

  path(from: string, to: string, pool: string): EchoPath {
    return {
      namespace: this.namespace(from),
      source: this.address(from, pool),
      target: this.address(to, pool),
    };
  }

  async dispose(): Promise<void> {
    await this.site.remove();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #writeKinds(kinds: readonly string[]): void {
    for (const kind of new Set(kinds)) {
      const documents = [...this.#resources.values()].filter((one) => one.kind === kind);
      const path = join(this.site.datastore, `${kind.toLowerCase()}.yaml`);
      if (documents.length === 0) rmSync(path, { force: true });
      else {
        writeFileSync(`${path}.new`, documents.map((one) => stringify(one)).join("---\n"));
        renameSync(`${path}.new`, path);
      }
    }
  }
}

/** Tries until `claim` neither throws nor returns false; the last failure is thrown after `timeoutMs`. */
export async function eventually(claim: () => unknown, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    try {
      if ((await claim()) !== false) return;
      if (Date.now() > end) throw new Error(`not true after ${timeoutMs / 1_000} s: ${claim}`);
    } catch (error) {
      if (Date.now() > end) throw error;
    }
    await sleep(20);
  }
}

function keyOf({ kind, metadata }: Resource): string {
  return `${kind}/${metadata.name}`;
}

function missing(what: string): never {
  throw new RangeError(`the cluster has no ${what}`);
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")}: ${stderr || stdout || error.message}`));
    });
  });
}

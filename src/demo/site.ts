/**
 * A whole cluster on this machine: a topology's namespaces, a datastore that describes it, and an
 * agent on each node. What the demo shows, and what tests and benchmarks work on.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AgentProcess } from "./agent-process.ts";
import { namespacesWithPrefix, removeNamespaces, sweepNamespaces } from "./namespace-removal.ts";
import { buildNamespaces, type Namespaces } from "./namespaces.ts";
import { openFileStore, type SiteStore } from "./site-store.ts";
import type { Topology } from "./topology.ts";
import { topologyResources } from "./topology-resources.ts";

export interface SiteOptions {
  readonly topology: Topology;
  /** Begins the name of each namespace, for example `cwdemo-123-`. */
  readonly prefix: string;
  readonly agentFlags?: readonly string[];
  /** More flags for the agents of some nodes. */
  readonly nodeFlags?: Readonly<Record<string, readonly string[]>>;
  readonly agentWrapper?: readonly string[];
  /** What the agents read; a directory of files without. */
  readonly openStore?: OpenStore;
}

/** @param files a directory of the site's own */
export type OpenStore = (namespaces: Namespaces, files: string) => Promise<SiteStore>;

export class Site {
  readonly topology: Topology;
  readonly namespaces: Namespaces;
  readonly agents: ReadonlyMap<string, AgentProcess>;
  readonly store: SiteStore;
  readonly #files: string;
  readonly #onExit = (): void => this.#removeFiles();

  private constructor(options: SiteOptions, namespaces: Namespaces, store: SiteStore) {
    const { topology, prefix, agentFlags = [], nodeFlags = {}, agentWrapper = [] } = options;
    this.topology = topology;
    this.namespaces = namespaces;
    this.#files = filesOf(prefix);
    this.store = store;
    process.once("exit", this.#onExit);
    const agents = topology.nodes.map(({ name }): [string, AgentProcess] => [
      name,
      new AgentProcess({
        node: name,
        namespace: namespaces.of(name),
        datastore: store.url,
        runDir: join(this.#files, "run", name),
        flags: [...agentFlags, ...(nodeFlags[name] ?? [])],
        wrapper: agentWrapper,
      }),
    ]);
    this.agents = new Map(agents);
  }

  /** Builds the network and writes the datastore; starts no agent. */
  static async build(options: SiteOptions): Promise<Site> {
    const { topology, prefix, openStore = openFileStore } = options;
    const namespaces = await buildNamespaces(topology, prefix);
    const files = filesOf(prefix);
    rmSync(files, { recursive: true, force: true });
    mkdirSync(files, { mode: 0o700 });
    const store = await openStore(namespaces, files);
    const site = new Site(options, namespaces, store);
    await store.write(topologyResources(topology));
    return site;
  }

  /** The directory of a file datastore. */
  get datastore(): string {
    return this.store.url.replace(/^file:/, "");
  }

  agent(node: string): AgentProcess {
    const agent = this.agents.get(node);
    if (agent === undefined) throw new RangeError(`no node ${node}`);
    return agent;
  }

  startAgents(): void {
    for (const agent of this.agents.values()) agent.start();
  }

  /** Ends the agents and removes namespaces and files. Happens at the end of the process at last. */
  async remove(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.end("SIGTERM")));
    await this.store.close();
    this.namespaces.remove();
    process.off("exit", this.#onExit);
    this.#removeFiles();
  }

  /** Leaves everything in place, agents included, when this process ends. */
  keep(): void {
    this.namespaces.keep();
    process.off("exit", this.#onExit);
    this.store.leave();
    for (const agent of this.agents.values()) agent.leave();
  }

  #removeFiles(): void {
    rmSync(this.#files, { recursive: true, force: true });
  }
}

/** Removes what killed runs with this prefix and their process id left. Returns its namespaces. */
export function sweepSites(prefix: string): string[] {
  const swept = sweepNamespaces(prefix);
  const pattern = new RegExp(`^${prefix}(\\d+)-`);
  for (const name of readdirSync(tmpdir())) {
    const pid = pattern.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
  return swept;
}

/** Removes a site that was kept, with its agents. Returns the names of its namespaces. */
export function removeKeptSite(prefix: string): string[] {
  const names = namespacesWithPrefix(prefix).filter(
    (name) => !/^\d/.test(name.slice(prefix.length)),
  );
  removeNamespaces(names);
  rmSync(filesOf(prefix), { recursive: true, force: true });
  return names;
}

function filesOf(prefix: string): string {
  return join(tmpdir(), `${prefix}files`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

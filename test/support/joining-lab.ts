// Four nodes in two subnets, each a network namespace with nothing but its underlay, and two namespaces on each that
// are to be pods. What they join is a datastore outside, at the same port of each node's loopback.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askAgent } from "../../src/cli/agent-client.ts";
import { AgentProcess, programFile } from "../../src/demo/agent-process.ts";
import type { EchoPath } from "../../src/demo/echo-socket.ts";
import { removeNamespaces, sweepNamespaces } from "../../src/demo/namespace-removal.ts";
import { buildNamespaces, type Namespaces } from "../../src/demo/namespaces.ts";
import { writeSysctls } from "../../src/demo/network-namespace.ts";
import { probePaths } from "../../src/demo/probe.ts";
import { demoTopology, type Topology } from "../../src/demo/topology.ts";
import type { StatusReport } from "../../src/observe/status.ts";
import type { EmptyCluster } from "./joined-cluster.ts";
import { NamespaceRelay } from "./namespace-relay.ts";
import { exitWithParent } from "./orphan.ts";

const PREFIX = "cwjoin-";
const PODS_PER_NODE = 2;

export interface LabPod {
  readonly name: string;
  readonly node: string;
  readonly namespace: string;
  addresses: string[];
}

export class JoiningLab implements AsyncDisposable {
  readonly topology: Topology;
  readonly pods: readonly LabPod[];
  /** Of the agents that run now, by node. */
  agents: ReadonlyMap<string, AgentProcess> = new Map();
  readonly #namespaces: Namespaces;
  readonly #relays: readonly NamespaceRelay[];
  readonly #files = mkdtempSync(join(tmpdir(), "cwjoin-"));
  #starts = 0;

  private constructor(topology: Topology, namespaces: Namespaces, pods: LabPod[], port: number) {
    this.topology = topology;
    this.pods = pods;
    this.#namespaces = namespaces;
    this.#relays = topology.nodes.map(({ name }) => new NamespaceRelay(namespaces.of(name), port));
  }

  /** @param port of the datastore on this machine's loopback */
  static async build(port: number): Promise<JoiningLab> {
    exitWithParent();
    sweepNamespaces(PREFIX);
    const topology = demoTopology({ pools: [], podsPerNode: 0 });
    const prefix = `${PREFIX}${process.pid}-`;
    const namespaces = await buildNamespaces(topology, prefix);
    const pods = topology.nodes.flatMap(({ name: node }) =>
      Array.from({ length: PODS_PER_NODE }, (_, at): LabPod => {
        const name = `${prefix}${node}-${at + 1}`;
        return { name, node, namespace: name, addresses: [] };
      }),
    );
    for (const { namespace } of pods) {
      await run("ip", ["netns", "add", namespace]);
      // Without duplicate address detection an address can be used at once.
      writeSysctls(namespace, { "ipv6/conf/default/accept_dad": 0 });
    }
    return new JoiningLab(topology, namespaces, pods, port);
  }

  get nodes(): string[] {
    return this.topology.nodes.map(({ name }) => name);
  }

  namespace(node: string): string {
    return this.#namespaces.of(node);
  }

  agent(node: string): AgentProcess {
    const agent = this.agents.get(node);
    if (agent === undefined) throw new RangeError(`no agent of ${node}`);
    return agent;
  }

  /** Starts an agent on every node at the same instant, each with an empty run dir. */
  startAgents(cluster: Pick<EmptyCluster, "datastore" | "flags">, ...more: string[]): void {
    const { datastore } = cluster;
    const flags = [...cluster.flags, ...more];
    const round = ++this.#starts;
    const wrapper = existsSync("/usr/bin/setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
    const agents = this.nodes.map((node): [string, AgentProcess] => {
      const runDir = join(this.#files, String(round), node);
      const namespace = this.namespace(node);
      return [node, new AgentProcess({ node, namespace, datastore, runDir, flags, wrapper })];
    });
    this.agents = new Map(agents);
    for (const agent of this.agents.values()) agent.start();
  }

  /** An agent on a node whose host has a name of its own, by which the node is called. */
  startHost(
    node: string,
    name: string,
    cluster: Pick<EmptyCluster, "datastore" | "flags">,
    ...more: string[]
  ): LabHost {
    const runDir = join(this.#files, `host-${name}`);
    const agent = ["run", "--datastore", cluster.datastore, "--run-dir", runDir];
    const words = [process.execPath, programFile(), ...agent, ...cluster.flags, ...more];
    // Each word of this replaces the process of the one before.
    const own = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', name, ...words];
    return new LabHost(spawn("ip", ["netns", "exec", this.namespace(node), ...own]), runDir);
  }

  /** Until every agent is registered and has routes to all the others. */
  async joined(): Promise<StatusReport[]> {
    const count = this.nodes.length;
    const hasJoined = ({ state, counts, registration }: StatusReport): boolean =>
      state === "in sync" && counts.nodes === count && (registration?.blocks.length ?? 0) > 0;
    const all = [...this.agents.values()];
    return Promise.all(all.map((agent) => agent.until(hasJoined, 90_000, "joined")));
  }

  async stopAgents(): Promise<void> {
    await Promise.all([...this.agents.values()].map((agent) => agent.end("SIGTERM")));
  }

  /** `causeway` on a node, as somebody at its shell runs it. */
  causeway(node: string, ...args: readonly string[]): Promise<string> {
    const command = [process.execPath, programFile(), ...args];
    return run("ip", ["netns", "exec", this.namespace(node), ...command]);
  }

  /** `ip` on a node. */
  ip(node: string, ...args: readonly string[]): Promise<string> {
    return run("ip", ["-n", this.namespace(node), ...args]);
  }

  async addPods(): Promise<void> {
    await Promise.all(
      this.pods.map(async (pod) => {
        const { runDir } = this.agent(pod.node).options;
        const flags = ["--run-dir", runDir, "--json"];
        const result = JSON.parse(await this.causeway(pod.node, "pod", "add", pod.name, ...flags));
        const ips = result.ips as { address: string }[];
        pod.addresses = ips.map(({ address }) => address.split("/")[0] as string);
      }),
    );
  }

  async deletePods(): Promise<void> {
    await Promise.all(
      this.pods.map(({ node, name }) => {
        const { runDir } = this.agent(node).options;
        return this.causeway(node, "pod", "del", name, "--run-dir", runDir);
      }),
    );
  }

  /** From every pod to every address of every other one. */
  paths(): EchoPath[] {
    return this.pods.flatMap(({ namespace, addresses }) =>
      addresses.flatMap((source) =>
        this.pods
          .filter((pod) => pod.namespace !== namespace)
          .flatMap((pod) => pod.addresses)
          .filter((target) => target.includes(":") === source.includes(":"))
          .map((target) => ({ namespace, source, target })),
      ),
    );
  }

  /** The paths that have no answer, as lines; empty if every pod reaches every pod. */
  async unreachable(mtu: number): Promise<string[]> {
    const paths = this.paths();
    const probes = await probePaths(paths, mtu);
    return probes.flatMap(({ largest, reason }, at) =>
      largest === mtu ? [] : [`${paths[at]?.source} to ${paths[at]?.target}: ${largest} ${reason}`],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgents();
    for (const relay of this.#relays) relay.close();
    removeNamespaces(this.pods.map(({ namespace }) => namespace));
    this.#namespaces.remove();
    rmSync(this.#files, { recursive: true, force: true });
  }
}

export class LabHost implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #runDir: string;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess, runDir: string) {
    this.#child = child;
    this.#runDir = runDir;
    this.#ended = once(child, "exit");
    child.stdout?.resume();
    child.stderr?.resume();
  }

  async status(): Promise<StatusReport> {
    return (await askAgent(this.#runDir, "GET", "/status")) as StatusReport;
  }

  async rename(name: string): Promise<void> {
    await run("nsenter", ["--target", String(this.#child.pid), "--uts", "hostname", name]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#ended;
  }
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")}: ${stderr || stdout || error.message}`));
    });
  });
}

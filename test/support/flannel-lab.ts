// Two nodes of a flannel network in different subnets: alder has an agent of ours, cedar is set up by hand, command by
// command as flannel's vxlan backend does it. On each a bridge with a pod, as flannel's CNI plugin makes them.

import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cidr, parseCidr } from "../../encap/address/cidr.ts";
import { AgentProcess } from "../../src/demo/agent-process.ts";
import { ipBatch } from "../../src/demo/ip-command.ts";
import { removeNamespaces, sweepNamespaces } from "../../src/demo/namespace-removal.ts";
import { buildNamespaces, type Namespaces } from "../../src/demo/namespaces.ts";
import { writeSysctls } from "../../src/demo/network-namespace.ts";
import { demoTopology } from "../../src/demo/topology.ts";
import type { StatusReport } from "../../src/observe/status.ts";
import { NamespaceRelay } from "./namespace-relay.ts";
import { exitWithParent } from "./orphan.ts";

const PREFIX = "cwflan-";

export interface FlannelNode {
  readonly name: string;
  readonly publicIp: string;
  readonly publicIp6: string;
}

/** What one node tells the others, in one family. */
export interface Told {
  readonly publicIp: string;
  readonly mac: string;
  readonly subnet: string;
}

export interface Device {
  readonly name: string;
  readonly local: string;
  readonly mac: string;
  readonly subnet: string;
  readonly mtu: number;
}

export class FlannelLab implements AsyncDisposable {
  readonly alder: FlannelNode;
  readonly cedar: FlannelNode;
  readonly files: string;
  agent!: AgentProcess;
  readonly #namespaces: Namespaces;
  readonly #relay: NamespaceRelay;
  readonly #pods: string[] = [];

  private constructor(namespaces: Namespaces, nodes: readonly FlannelNode[], port: number) {
    this.#namespaces = namespaces;
    [this.alder, this.cedar] = nodes as [FlannelNode, FlannelNode];
    this.files = mkdtempSync(join(tmpdir(), "cwflan-"));
    this.#relay = new NamespaceRelay(namespaces.of("alder"), port);
    for (const { name } of nodes) {
      writeSysctls(namespaces.of(name), { "ipv6/conf/default/accept_dad": 0 });
    }
    writeSysctls(namespaces.of("cedar"), { "ipv4/ip_forward": 1, "ipv6/conf/all/forwarding": 1 });
  }

  /** @param port of the datastore on this machine's loopback */
  static async build(port: number): Promise<FlannelLab> {
    exitWithParent();
    sweepNamespaces(PREFIX);
    const topology = demoTopology({ nodes: [["alder"], ["cedar"]], pools: [], podsPerNode: 0 });
    const namespaces = await buildNamespaces(topology, `${PREFIX}${process.pid}-`);
    const nodes = topology.nodes.map(({ name, ipv4, ipv6 }) => {
      return { name, publicIp: ipv4, publicIp6: ipv6 };
    });
    return new FlannelLab(namespaces, nodes, port);
  }

  get subnetFile(): string {
    return join(this.files, "run", "subnet.env");
  }

  /** The lines of `subnet.env` by name. */
  subnetEnv(): Record<string, string> {
    const lines = readFileSync(this.subnetFile, "utf8").trim().split("\n");
    return Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
  }

  startAgent(datastore: string, flags: readonly string[]): void {
    const wrapper = existsSync("/usr/bin/setpriv") ? ["setpriv", "--pdeathsig", "KILL"] : [];
    this.agent = new AgentProcess({
      node: "alder",
      namespace: this.#namespaces.of("alder"),
      datastore,
      runDir: join(this.files, "causeway"),
      flags: ["--subnet-file", this.subnetFile, ...flags],
      wrapper,
    });
    this.agent.start();
  }

  /** Until alder is in the network, has what it wants and has written it down. */
  joined(): Promise<StatusReport> {
    const hasJoined = ({ state, registration }: StatusReport): boolean =>
      state === "in sync" && registration?.blocks.length !== 0 && existsSync(this.subnetFile);
    return this.agent.until(hasJoined, 30_000, "joined");
  }

  namespace(name: string): string {
    return this.#pods.includes(name) ? name : this.#namespaces.of(name);
  }

  ip(name: string, ...args: readonly string[]): Promise<string> {
    return run("ip", ["-n", this.namespace(name), ...args]);
  }

  /** The VXLAN device of a node with its address. */
  async makeDevice(node: string, { name, local, mac, subnet, mtu }: Device): Promise<void> {
    const base = baseOf(subnet);
    await ipBatch(this.namespace(node), [
      `link add ${name} address ${mac} mtu ${mtu} type vxlan id 1 local ${local} dev eth0 dstport 8472 nolearning`,
      `link set ${name} up`,
      `address add ${base}/${base.includes(":") ? 128 : 32} dev ${name}`,
    ]);
  }

  /** What flannel does on a node when it hears of another one's lease: neighbour, FDB entry, route. */
  async addLease(node: string, device: string, { publicIp, mac, subnet }: Told): Promise<void> {
    const base = baseOf(subnet);
    await this.ip(node, ..."neigh replace".split(" "), base, "lladdr", mac, "dev", device);
    const fdb = ["fdb", "replace", mac, "dev", device, "dst", publicIp, "self", "permanent"];
    await this.exec(node, "bridge", ...fdb);
    await this.ip(node, "route", "replace", subnet, "via", base, "dev", device, "onlink");
  }

  /** A pod behind a bridge that has the first address of each subnet; the pod has the second one. */
  async addPod(node: string, subnets: readonly string[], mtu: number): Promise<string> {
    const pod = `${this.namespace(node)}-pod`;
    await run("ip", ["netns", "add", pod]);
    this.#pods.push(pod);
    writeSysctls(pod, { "ipv6/conf/default/accept_dad": 0 });
    await ipBatch(this.namespace(node), [
      "link add cni0 type bridge",
      `link set cni0 mtu ${mtu} up`,
      ...subnets.map((one) => `address add ${hostOf(one, 1)}/${parseCidr(one).length} dev cni0`),
      `link add veth0 mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${pod}`,
      "link set veth0 master cni0 up",
    ]);
    await ipBatch(pod, [
      "link set lo up",
      "link set eth0 up",
      ...subnets.map((one) => `address add ${hostOf(one, 2)}/${parseCidr(one).length} dev eth0`),
      ...subnets.map((one) => `route add default via ${hostOf(one, 1)}`),
    ]);
    return pod;
  }

  exec(name: string, ...command: readonly string[]): Promise<string> {
    return run("ip", ["netns", "exec", this.namespace(name), ...command]);
  }

  /** A megabyte to a TCP server in another namespace and back; "same" if it is what was sent. */
  async tcpEcho(from: string, to: string, address: string): Promise<string> {
    const server = execFile("ip", [
      ...["netns", "exec", this.namespace(to), process.execPath, "-e"],
      'require("net").createServer((s) => s.pipe(s)).listen(7007, () => console.log("up"))',
    ]);
    try {
      await new Promise((resolve) => server.stdout?.once("data", resolve));
      const client = `
        const sent = require("crypto").randomBytes(1 << 20), got = [];
        const socket = require("net").connect(7007, ${JSON.stringify(address)}, () => socket.end(sent));
        socket.setTimeout(20000, () => process.exit(1));
        socket.on("data", (part) => got.push(part));
        socket.on("end", () => console.log(Buffer.concat(got).equals(sent) ? "same" : "other"));`;
      return (await this.exec(from, process.execPath, "-e", client)).trim();
    } finally {
      server.kill("SIGKILL");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent?.end("SIGTERM");
    this.#relay.close();
    removeNamespaces(this.#pods);
    this.#namespaces.remove();
    rmSync(this.files, { recursive: true, force: true });
  }
}

/** The first address of a subnet, which is its node's on the VXLAN device. */
export function baseOf(subnet: string): string {
  return parseCidr(subnet).address.toString();
}

/** "10.5.1.2" for 10.5.1.0/24 and 2. */
export function hostOf(subnet: string, number: number): string {
  const base = new Cidr(parseCidr(subnet).address, parseCidr(subnet).length).toString();
  const [address = ""] = base.split("/");
  return address.endsWith("::") ? `${address}${number}` : address.replace(/\d+$/, `${number}`);
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} ${args.join(" ")}: ${stderr || stdout || error.message}`));
    });
  });
}

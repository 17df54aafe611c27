/** What carries packets between the two nodes: each sets up node 1 and node 2 in its way. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Engine } from "../../src/userspace/data-path.ts";
import { programPath } from "../lab/c-programs.ts";
import { run } from "../lab/command.ts";
import type { Lab } from "../lab/lab.ts";
import { inside, type Link, PEERS, UNDER } from "./link.ts";

export const TUN = "tun.causeway";
const VXLAN_MTU = 1450;
const IPIP_MTU = 1480;

/** A process that carries a node's packets. */
export interface NodeProcess {
  readonly pid: number;
  /** What it printed last. */
  lastLine(): string;
}

/** Processes that carry packets; empty for the kernel's own ways. */
export interface Running {
  readonly processes: readonly NodeProcess[];
  /** Largest resident set of one node's, in bytes; 0 without any. */
  peakMemory(): number;
  stop(): Promise<void>;
}

export interface Contender {
  readonly name: string;
  start(lab: Lab, link: Link): Promise<Running>;
}

export function macOf(node: number): string {
  return `66:00:00:00:00:${node.toString(16).padStart(2, "0")}`;
}

const NOTHING: Running = { processes: [], peakMemory: () => 0, stop: async () => {} };

const PLAIN: Contender = {
  name: "plain veth",
  start: async (_, { nodes }) => {
    for (const [at, node] of nodes.entries()) {
      await run("ip", ["-n", node, "address", "add", `10.244.${at + 1}.1/32`, "dev", UNDER]);
      await run("ip", ["-n", node, "route", "add", `10.244.${2 - at}.0/24`, "dev", UNDER]);
    }
    return NOTHING;
  },
};

const KERNEL_VXLAN: Contender = {
  name: "kernel vxlan",
  start: async (_, { nodes }) => {
    for (const [at, node] of nodes.entries()) {
      const [own, other] = [at + 1, 2 - at];
      const device = "vxlan0";
      const ip = (text: string): Promise<unknown> => run("ip", ["-n", node, ...text.split(" ")]);
      await ip(
        `link add ${device} address ${macOf(own)} mtu ${VXLAN_MTU} type vxlan id 4096 ` +
          `local 192.0.2.${own} dev ${UNDER} dstport 4789 nolearning`,
      );
      await ip(`link set ${device} up`);
      await ip(`address add 10.244.${own}.1/32 dev ${device}`);
      await ip(`route add 10.244.${other}.0/24 via 10.244.${other}.1 dev ${device} onlink`);
      await ip(
        `neighbour add 10.244.${other}.1 lladdr ${macOf(other)} dev ${device} nud permanent`,
      );
      const fdb = ["fdb", "add", macOf(other), "dev", device, "dst", `192.0.2.${other}`, "self"];
      await run("bridge", ["-n", node, ...fdb]);
    }
    return NOTHING;
  },
};

/** A process for each node, which makes a TUN device and says "ready". */
function processes(
  name: string,
  mtu: number,
  commandOf: (node: string, own: number) => { command: string[]; input: string },
): Contender {
  return {
    name,
    start: async (lab, { nodes }) => {
      const children: ChildProcess[] = [];
      for (const [at, node] of nodes.entries()) {
        const { command, input } = commandOf(node, at + 1);
        children.push(await startReady(lab, command, input));
        await setUpTun(node, at + 1, mtu);
      }
      return {
        processes: children.map(nodeProcess),
        peakMemory: () => Math.max(...children.map(peakMemoryOf)),
        stop: async () => {
          for (const child of children) await end(child);
        },
      };
    },
  };
}

async function setUpTun(node: string, own: number, mtu: number): Promise<void> {
  const ip = (text: string): Promise<unknown> => run("ip", ["-n", node, ...text.split(" ")]);
  await ip(`link set ${TUN} mtu ${mtu} txqueuelen 1000 up`);
  await ip(`address add 10.244.${own}.1/32 dev ${TUN}`);
  await ip(`route add 10.244.0.0/16 dev ${TUN} src 10.244.${own}.1`);
}

/** Node 2 stands for all the nodes from 2 on. */
function remoteLines(own: number): string {
  const others = own === 1 ? Array.from({ length: PEERS }, (_, at) => at + 2) : [1];
  return others.map((other) => `${other} 192.0.2.${other} ${macOf(other)}\n`).join("");
}

function cLoop(encap: "vxlan" | "ipip", mtu: number): Contender {
  const program = programPath(`tun-${encap}`);
  return processes(`C loop, ${encap}`, mtu, (node, own) => {
    const mac = encap === "vxlan" ? [macOf(own)] : [];
    const command = ["ip", "netns", "exec", node, program, TUN, `192.0.2.${own}`, ...mac];
    return { command, input: remoteLines(own) };
  });
}

/** With `changes` the plan of node 1 changes so many times a second. */
export function ours(encap: "vxlan" | "ipip", engine: Engine, changes = 0): Contender {
  const script = fileURLToPath(new URL("./forwarder-process.js", import.meta.url));
  const mtu = encap === "vxlan" ? VXLAN_MTU : IPIP_MTU;
  return processes(`${engine}, ${encap}`, mtu, (node, own) => {
    const options = [encap, engine, String(own), String(own === 1 ? changes : 0)];
    const program = [process.execPath, "--expose-gc", script];
    const command = ["ip", "netns", "exec", node, ...program, ...options];
    return { command, input: "" };
  });
}

export const CONTENDERS: readonly Contender[] = [
  PLAIN,
  KERNEL_VXLAN,
  cLoop("vxlan", VXLAN_MTU),
  ours("vxlan", "offload"),
  ours("vxlan", "batch"),
  ours("vxlan", "plain"),
  cLoop("ipip", IPIP_MTU),
  ours("ipip", "offload"),
  ours("ipip", "batch"),
  ours("ipip", "plain"),
];

function startReady(lab: Lab, command: readonly string[], input: string): Promise<ChildProcess> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  const forget = lab.onExit(() => child.kill("SIGKILL"));
  child.once("exit", forget);
  child.stdin?.end(input);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${command.join(" ")} ended with ${code}`)));
    child.stdout?.on("data", (text) => {
      if (String(text).includes("ready")) resolve(child);
    });
  });
}

function nodeProcess(child: ChildProcess): NodeProcess {
  let last = "";
  child.stdout?.on("data", (text) => {
    last = String(text).trim().split("\n").at(-1) ?? "";
  });
  return { pid: child.pid as number, lastLine: () => last };
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

/** `ip netns exec` becomes the program that it starts, and that may have a process of its own. */
function peakMemoryOf({ pid }: ChildProcess): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  const pids = [Number(pid), ...children.filter(Boolean).map(Number)];
  return pids.reduce((sum, one) => sum + peakOf(one), 0);
}

function peakOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? Number.NaN) * 1024;
}

/** Has node 1 take node 2 for all the nodes from 2 on; what is not for node 2 itself ends there. */
export async function standForAll({ nodes: [one, two] }: Link): Promise<void> {
  const mac = (await inside(two, "cat", [`/sys/class/net/${UNDER}/address`])).trim();
  const commands = Array.from(
    { length: PEERS - 1 },
    (_, at) => `neighbour replace 192.0.2.${at + 3} lladdr ${mac} dev ${UNDER} nud permanent`,
  );
  await inside(one, "sh", ["-ec", commands.map((text) => `ip ${text}`).join("\n")]);
}

/**
 * Pods made by hand: network namespaces that get their link and addresses through the same plugins
 * and the same conflist that a container runtime uses. What was given out is remembered beside the
 * conflist, because a plugin wants to be told, at the end, what it was told at the start.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CausewayError, reasonOf } from "../errors.ts";
import { CONFLIST_NAME, type Conflist } from "./conflist.ts";
import { type CniResult, PluginChain } from "./plugin-chain.ts";

/** Where `ip netns` keeps its namespaces. */
const NAMESPACES = "/run/netns";
const INTERFACE = "eth0";

export interface Pod {
  readonly name: string;
  readonly netns: string;
  /** The namespace was made for the pod, and goes with it. */
  readonly isNamespaceOurs: boolean;
  readonly conflist: Conflist;
  readonly result: CniResult;
}

export interface PodOptions {
  readonly runDir: string;
  /** Directories of the plugins, with colons between them. */
  readonly cniPath: string;
}

/** In the run dir: the conflist and the pods made by hand. */
export function cniDirectory(runDir: string): string {
  return join(runDir, "cni");
}

/** host-local's own records; they do not outlive the namespaces that they are about. */
export function dataDirectory(runDir: string): string {
  return join(runDir, "cni", "addresses");
}

/**
 * @param name of a network namespace; it is made where there is none
 * @throws CausewayError where the pod is there already, there is no conflist, or a plugin fails
 */
export async function addPod(name: string, { runDir, cniPath }: PodOptions): Promise<Pod> {
  checkName(name);
  if (readPod(runDir, name) !== undefined) {
    const hint = `causeway pod del ${name}`;
    throw new CausewayError("bad-config", `pod ${name} is there already`, { hint });
  }
  const conflist = readConflist(runDir);
  const netns = join(NAMESPACES, name);
  const isNamespaceOurs = !existsSync(netns);
  if (isNamespaceOurs) await ip("netns", "add", name);
  try {
    await ip("-n", name, "link", "set", "dev", "lo", "up");
    const result = await new PluginChain(conflist, cniPath).add(targetOf(name, netns));
    const pod = { name, netns, isNamespaceOurs, conflist, result };
    mkdirSync(podDirectory(runDir), { recursive: true });
    writeFileSync(podFile(runDir, name), JSON.stringify(pod));
    return pod;
  } catch (error) {
    if (isNamespaceOurs) await ip("netns", "delete", name).catch(() => undefined);
    throw error;
  }
}

/** @throws CausewayError where there is no such pod, or a plugin fails */
export async function deletePod(name: string, { runDir, cniPath }: PodOptions): Promise<Pod> {
  checkName(name);
  const pod = readPod(runDir, name);
  if (pod === undefined) {
    const known = podNames(runDir).join(", ") || "none";
    throw new CausewayError("bad-config", `no pod ${name}; those made by hand here: ${known}`);
  }
  const { netns, conflist, result } = pod;
  await new PluginChain(conflist, cniPath).delete(targetOf(name, netns), result);
  if (pod.isNamespaceOurs && existsSync(netns)) await ip("netns", "delete", name);
  rmSync(podFile(runDir, name));
  return pod;
}

export function podNames(runDir: string): string[] {
  try {
    return readdirSync(podDirectory(runDir))
      .map((file) => file.replace(/\.json$/, ""))
      .sort();
  } catch {
    return [];
  }
}

function readPod(runDir: string, name: string): Pod | undefined {
  const path = podFile(runDir, name);
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Pod) : undefined;
}

function readConflist(runDir: string): Conflist {
  const path = join(cniDirectory(runDir), CONFLIST_NAME);
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Conflist;
  } catch (error) {
    const hint = "causeway status says whether the agent registers this node and has blocks";
    const what = `no conflist in ${path}: ${reasonOf(error)}`;
    throw new CausewayError("agent", what, { cause: error, hint });
  }
}

function targetOf(name: string, netns: string) {
  return { containerId: `causeway-${name}`, netns, ifname: INTERFACE };
}

function podDirectory(runDir: string): string {
  return join(cniDirectory(runDir), "pods");
}

function podFile(runDir: string, name: string): string {
  return join(podDirectory(runDir), `${name}.json`);
}

/** It becomes a part of paths. */
function checkName(name: string): void {
  if (/^[A-Za-z0-9][\w.-]{0,200}$/.test(name)) return;
  const what = `"${name}" is no name for a pod: letters, digits, ".", "_" and "-"`;
  throw new CausewayError("bad-config", what);
}

function ip(...args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile("ip", args, (error, _stdout, stderr) => {
      if (error === null) resolve();
      else {
        const reason = stderr.trim() || error.message;
        reject(new CausewayError("kernel", `ip ${args.join(" ")}: ${reason}`, { cause: error }));
      }
    });
  });
}

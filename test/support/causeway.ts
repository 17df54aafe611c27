// The program as somebody at the shell of a node runs it.

import { execFile } from "node:child_process";
import { programFile } from "../../src/demo/agent-process.ts";
import type { Cluster } from "./cluster.ts";

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `causeway` with these arguments in a node's namespace. */
export function causeway(
  cluster: Cluster,
  node: string,
  ...args: readonly string[]
): Promise<Ended> {
  return runOn(cluster, node, [process.execPath, programFile(), ...args]);
}

/** The flags that say whose agent is meant, and what it reads. */
export function nodeFlags(cluster: Cluster, node: string): string[] {
  return ["--node", node, "--datastore", cluster.agent(node).options.datastore];
}

export function runDirFlags(cluster: Cluster, node: string): string[] {
  return ["--run-dir", cluster.agent(node).options.runDir];
}

/** Runs a command in a node's namespace, with something on its standard input. */
export function runOn(
  cluster: Cluster,
  node: string,
  command: readonly string[],
  input = "",
): Promise<Ended> {
  return new Promise((resolve) => {
    const args = ["netns", "exec", cluster.namespace(node), ...command];
    const options = { maxBuffer: 64 << 20 };
    const child = execFile("ip", args, options, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (child.exitCode ?? null), stdout, stderr });
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

// Another program that undoes what the agent does, without end.

import { spawn } from "node:child_process";
import type { Cluster } from "../support/cluster.ts";

export interface Rival {
  /** How often it has run its command. */
  readonly rounds: number;
  end(): Promise<void>;
}

/** Runs a shell command in the node's namespace over and over. */
export function startRival(cluster: Cluster, node: string, command: string): Rival {
  const loop = `while ${command}; do echo; sleep 0.05; done`;
  const wrapped = ["netns", "exec", cluster.namespace(node), "sh", "-c", loop];
  const child = spawn("ip", wrapped, { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let rounds = 0;
  child.stdout.on("data", (part: Buffer) => {
    rounds += part.length;
  });
  return {
    get rounds() {
      return rounds;
    },
    end: () => {
      child.kill();
      return ended;
    },
  };
}

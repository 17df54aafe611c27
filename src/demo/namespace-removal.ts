/**
 * Takes namespaces down again, with whatever still runs in them. Synchronous, so that it can be
 * the last thing that a process does. What a killed run left is known by the process id in its
 * names, and removed by the next run.
 */
import { spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { NAMESPACE_DIRECTORY, namespacePath } from "./network-namespace.ts";

const PATIENCE_MS = 2_000;

/** Removes the namespaces as far as they exist, and kills the processes in them. */
export function removeNamespaces(names: readonly string[]): void {
  const present = names.filter((name) => inodeOf(namespacePath(name)) !== undefined);
  if (present.length === 0) return;
  killProcesses(present);
  const input = present.map((name) => `netns delete ${name}\n`).join("");
  spawnSync("ip", ["-force", "-batch", "-"], { input, stdio: ["pipe", "ignore", "ignore"] });
}

/** Removes every namespace called `<prefix><pid>-…` whose process is gone. Returns their names. */
export function sweepNamespaces(prefix: string): string[] {
  const left = namespacesWithPrefix(prefix).filter((name) => {
    const pid = /^(\d+)-/.exec(name.slice(prefix.length))?.[1];
    return pid !== undefined && inodeOf(`/proc/${pid}`) === undefined;
  });
  removeNamespaces(left);
  return left;
}

export function namespacesWithPrefix(prefix: string): string[] {
  try {
    return readdirSync(NAMESPACE_DIRECTORY).filter((name) => name.startsWith(prefix));
  } catch {
    return [];
  }
}

function killProcesses(names: readonly string[]): void {
  const inodes = new Set(names.map((name) => inodeOf(namespacePath(name))));
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const inside = processesIn(inodes);
    if (inside.length === 0 || Date.now() > end) return;
    for (const pid of inside) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
  }
}

function processesIn(inodes: ReadonlySet<number | undefined>): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid)
    .filter((pid) => {
      const inode = inodeOf(`/proc/${pid}/ns/net`);
      return inode !== undefined && inodes.has(inode);
    });
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

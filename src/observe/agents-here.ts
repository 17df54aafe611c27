/**
 * The agents in this network namespace, by their control sockets: the kernel lists the listening
 * Unix sockets of a namespace with their paths.
 */
import { readFileSync, statSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { isAnswered } from "./control-server.ts";
import { controlSocketPath } from "./run-dir.ts";

/** The "flags" column of a listening socket (`__SO_ACCEPTCON`). */
const LISTENING = "00010000";

/**
 * The run dirs of agents that answer. Sockets of other users do not count: anybody may make one of
 * this name.
 */
export async function runDirsHere(): Promise<string[]> {
  const found: string[] = [];
  for (const path of socketsHere()) {
    const runDir = dirname(path);
    if (path !== controlSocketPath(runDir) || !isTrusted(path)) continue;
    if (await isAnswered(path)) found.push(runDir);
  }
  return found;
}

function socketsHere(): string[] {
  let table: string;
  try {
    table = readFileSync("/proc/net/unix", "utf8");
  } catch {
    return [];
  }
  const paths = new Set<string>();
  for (const line of table.split("\n")) {
    const [, flags, path] = /^\S+ \S+ \S+ (\S+) \S+ \S+ +\S+ (.+)$/.exec(line) ?? [];
    if (flags === LISTENING && path !== undefined && isAbsolute(path)) paths.add(path);
  }
  return [...paths].sort();
}

function isTrusted(path: string): boolean {
  try {
    const { uid } = statSync(path);
    return uid === 0 || uid === process.getuid?.();
  } catch {
    return false;
  }
}

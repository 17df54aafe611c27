/** Network namespaces, to which each thread belongs by itself. */
import { closeSync, openSync } from "node:fs";
import { enterNetworkNamespace } from "./linux.ts";

/**
 * Runs `action` with this thread in the namespace of the file `path` (as "/run/netns/NAME"; undefined
 * for where it is). Synchronous: nothing else may run on the thread meanwhile. Sockets opened inside
 * stay there.
 */
export function inNetworkNamespace<T>(path: string | undefined, action: () => T): T {
  if (path === undefined) return action();
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    enterForGood(path);
    try {
      return action();
    } finally {
      enterNetworkNamespace(home);
    }
  } finally {
    closeSync(home);
  }
}

/** Moves the calling thread to the namespace of the file `path`. */
export function enterForGood(path: string): void {
  const target = openSync(path, "r");
  try {
    enterNetworkNamespace(target);
  } finally {
    closeSync(target);
  }
}

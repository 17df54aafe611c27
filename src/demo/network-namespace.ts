/** Doing something inside a named network namespace, without a process for it. */
import { writeFileSync } from "node:fs";
import { inNetworkNamespace as inNamespaceOfFile } from "../native/network-namespace.ts";

/** Where `ip netns` keeps its namespaces. */
export const NAMESPACE_DIRECTORY = "/run/netns";

/** The file that stands for a namespace. */
export function namespacePath(name: string): string {
  return `${NAMESPACE_DIRECTORY}/${name}`;
}

/**
 * Runs `action` with this thread in the namespace. Synchronous, because a namespace belongs to
 * the thread: nothing else may run on it meanwhile. Sockets opened inside stay there.
 */
export function inNetworkNamespace<T>(name: string, action: () => T): T {
  return inNamespaceOfFile(namespacePath(name), action);
}

/** Writes settings below /proc/sys/net, such as `ipv4/ip_forward`, in a namespace. */
export function writeSysctls(name: string, settings: Readonly<Record<string, number>>): void {
  inNetworkNamespace(name, () => {
    for (const [path, value] of Object.entries(settings)) {
      writeFileSync(`/proc/sys/net/${path}`, String(value));
    }
  });
}

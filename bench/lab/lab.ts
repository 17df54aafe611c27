/**
 * Where a benchmark runs: network namespaces and a temporary folder, all named `cwbench-PID-...`,
 * and removed in any case. The root namespace is never touched. Each node namespace has one end of
 * a veth pair as its underlay; the other end is in a namespace of its own, which has no address.
 */
import { mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../cluster/cluster.ts";
import { PARENT_DEVICE, PARENT_MTU } from "../cluster/kernel-feed.ts";
import { programPath } from "./c-programs.ts";
import { run, runLastWill, sleep, until } from "./command.ts";

const PREFIX = `cwbench-${process.pid}-`;

export class Lab {
  readonly directory = join(tmpdir(), `${PREFIX}files`);
  readonly #namespaces = new Set<string>();
  readonly #children = new Set<() => void>();
  #made = 0;

  constructor() {
    mkdirSync(this.directory, { recursive: true });
    process.once("exit", () => this.#removeAll());
    // Not `once`: a second Ctrl-C must not cut the removal short.
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => process.exit(130));
    }
  }

  /** A name below the lab's folder that nobody else has. */
  newPath(name: string): string {
    return join(this.directory, `${++this.#made}-${name}`);
  }

  /** Called on exit, so that no child outlives the benchmark. Returns how to forget it. */
  onExit(stop: () => void): () => void {
    this.#children.add(stop);
    return () => this.#children.delete(stop);
  }

  /** A fresh namespace for node 0 of the cluster: underlay up, addressed, with a default route. */
  async newNodeNamespace(cluster: Cluster): Promise<string> {
    const fabric = await this.#fabric();
    const number = ++this.#made;
    const namespace = await this.#newNamespace(`node${number}`);
    const ip = (...args: string[]): Promise<unknown> => run("ip", ["-n", namespace, ...args]);
    await ip("link", "set", "lo", "up");
    await ip(
      ...["link", "add", PARENT_DEVICE, "mtu", String(PARENT_MTU), "type", "veth"],
      ...["peer", "name", `port${number}`, "netns", fabric],
    );
    await run("ip", ["-n", fabric, "link", "set", `port${number}`, "up"]);
    await ip("link", "set", PARENT_DEVICE, "up");
    const address = `${cluster.underlayAddress(0, 4)}/${cluster.underlayLength(0, 4)}`;
    await ip("address", "add", address, "dev", PARENT_DEVICE);
    await ip("route", "add", "default", "via", "172.16.255.254", "dev", PARENT_DEVICE);
    return namespace;
  }

  /**
   * Removes a namespace and waits until the kernel has taken it apart, which happens after the
   * command has returned and would be counted against whoever comes next. Our routes go first: see
   * bench/c/remove-routes.c.
   */
  async removeNamespace(namespace: string): Promise<void> {
    const fabric = await this.#fabric();
    const port = `port${namespace.slice(`${PREFIX}node`.length)}`;
    await run("ip", ["netns", "exec", namespace, programPath("remove-routes")]);
    await run("ip", ["netns", "delete", namespace]);
    this.#namespaces.delete(namespace);
    await until(`removal of ${namespace}`, 60, async () => {
      const { stdout } = await run("ip", ["-n", fabric, "-brief", "link", "show"]);
      return !stdout.includes(`${port}@`);
    });
    await sleep(200);
  }

  /** A fresh namespace with nothing but its loopback device, and none of our routes to come. */
  async newEmptyNamespace(): Promise<string> {
    const namespace = await this.#newNamespace(`empty${++this.#made}`);
    await run("ip", ["-n", namespace, "link", "set", "lo", "up"]);
    return namespace;
  }

  /** Removes an empty namespace and the devices that were put into it. */
  async removeEmptyNamespace(namespace: string): Promise<void> {
    await run("ip", ["netns", "delete", namespace]);
    this.#namespaces.delete(namespace);
  }

  async #fabric(): Promise<string> {
    const name = `${PREFIX}fabric`;
    return this.#namespaces.has(name) ? name : this.#newNamespace("fabric");
  }

  async #newNamespace(name: string): Promise<string> {
    const namespace = PREFIX + name;
    this.#namespaces.add(namespace);
    await run("ip", ["netns", "add", namespace]);
    return namespace;
  }

  #removeAll(): void {
    for (const stop of this.#children) stop();
    for (const namespace of this.#namespaces) {
      runLastWill("ip", ["netns", "exec", namespace, programPath("remove-routes")]);
      runLastWill("ip", ["netns", "delete", namespace]);
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/**
 * An etcd server as a process in a network namespace, with a Unix socket beside its data for whoever
 * is outside.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EtcdClient } from "../datastore/etcd/client.ts";
import { CausewayError, reasonOf } from "../errors.ts";

export interface EtcdOptions {
  readonly namespace: string;
  /** For its data; it is made. */
  readonly directory: string;
  /** Of the namespace, where clients find it. */
  readonly address: string;
  readonly flags?: readonly string[];
}

const PORT = 2379;
const SOCKET = `localhost:${PORT + 2}`;
const LOG = "etcd.log";
const START_MS = 20_000;

export class EtcdProcess {
  /** For `--datastore`, from within the namespace or where it can be reached from. */
  readonly url: string;
  /** By the Unix socket. */
  readonly client: EtcdClient;
  readonly #directory: string;
  readonly #child: ChildProcess;

  private constructor({ namespace, directory, address, flags = [] }: EtcdOptions) {
    this.url = `etcd://${address}:${PORT}`;
    this.#directory = directory;
    mkdirSync(directory);
    const peer = `http://127.0.0.1:${PORT + 1}`;
    const args = [
      ...["--name", "demo", "--data-dir", "data"],
      // It takes the URL of a socket for a file's name, in its working directory.
      ...["--listen-client-urls", `http://0.0.0.0:${PORT},unix://${SOCKET}`],
      ...[
        "--advertise-client-urls",
        `http://${address}:${PORT}`,
        "--initial-cluster",
        `demo=${peer}`,
      ],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--logger", "zap", "--log-level", "warn", ...flags],
    ];
    const log = openSync(join(directory, LOG), "w");
    // In a session of its own, so that Ctrl-C at the terminal reaches us alone.
    const options = { cwd: directory, detached: true } as const;
    this.#child = spawn("ip", ["netns", "exec", namespace, "etcd", ...args], {
      ...options,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    const endpoints = [`unix:${join(directory, SOCKET)}`];
    this.client = new EtcdClient({ url: this.url, endpoints, prefix: "/calico", settings: {} });
  }

  /** @throws CausewayError `datastore` if etcd is not installed, or does not start */
  static async start(options: EtcdOptions): Promise<EtcdProcess> {
    const etcd = new EtcdProcess(options);
    try {
      await etcd.#answers();
      return etcd;
    } catch (error) {
      await etcd.close();
      throw error;
    }
  }

  /** Ends it at once. */
  kill(): void {
    this.client.close();
    this.#child.kill("SIGKILL");
  }

  async close(): Promise<void> {
    const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
    const exit = hasEnded ? undefined : once(this.#child, "exit");
    this.kill();
    await exit;
  }

  /** Lets it go on when this process ends. */
  leave(): void {
    this.#child.unref();
  }

  async #answers(): Promise<void> {
    for (const end = Date.now() + START_MS; ; ) {
      try {
        await this.client.range({ key: Buffer.from("/") });
        return;
      } catch (error) {
        if (this.#child.exitCode !== null || Date.now() > end) throw this.#failure(error);
        await sleep(50);
      }
    }
  }

  #failure(error: unknown): CausewayError {
    const log = readFileSync(join(this.#directory, LOG), "utf8");
    if (/exec of "etcd" failed/.test(log)) {
      const hint = "apt-get install etcd-server etcd-client";
      return new CausewayError("datastore", "there is no etcd on this machine", { hint });
    }
    const last = log.trimEnd().split("\n").at(-1) || reasonOf(error);
    return new CausewayError("datastore", `etcd does not start: ${last}`, { cause: error });
  }
}

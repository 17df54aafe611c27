/** A real etcd server on loopback, for tests: one member of one cluster, or of several. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface EtcdServerOptions {
  /** Further flags of etcd, for example for TLS and tokens. */
  readonly flags?: readonly string[];
  readonly scheme?: "http" | "https";
  /** Flags of etcdctl that let it in. */
  readonly ctlFlags?: readonly string[];
  /** All members, by name, with the URL at which the others find each. */
  readonly cluster?: Readonly<Record<string, string>>;
  readonly name?: string;
}

const START_MS = 20_000;

export class EtcdServer implements AsyncDisposable {
  /** "127.0.0.1:PORT". */
  readonly endpoint: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "causeway-etcd-"));
  readonly #peer: string;
  readonly #options: EtcdServerOptions;
  #process: ChildProcess | undefined;
  #log = "";

  private constructor(port: number, peerPort: number, options: EtcdServerOptions) {
    this.endpoint = `127.0.0.1:${port}`;
    this.#peer = options.cluster?.[options.name ?? ""] ?? `http://127.0.0.1:${peerPort}`;
    this.#options = options;
  }

  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const server = await EtcdServer.prepare(options);
    await server.start();
    return server;
  }

  /** A server that is not running yet. */
  static async prepare(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const [port, peerPort] = await freePorts(2);
    return new EtcdServer(port as number, peerPort as number, options);
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get isRunning(): boolean {
    const child = this.#process;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  /** Starts the process, with the data that it had. */
  spawn(): void {
    const { flags = [], scheme = "http", cluster, name = "test" } = this.#options;
    const url = `${scheme}://${this.endpoint}`;
    const members = cluster ?? { [name]: this.#peer };
    const initial = Object.entries(members).map(([one, peer]) => `${one}=${peer}`);
    const args = [
      ...["--name", name, "--data-dir", join(this.#directory, "data")],
      ...["--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", this.#peer, "--initial-advertise-peer-urls", this.#peer],
      ...["--initial-cluster", initial.join(","), "--initial-cluster-state", "new"],
      // Nothing here outlives the test, and a slow disk would only slow it down.
      ...["--unsafe-no-fsync", "--logger", "zap", "--log-level", "warn", ...flags],
    ];
    const child = spawn("etcd", args, { stdio: ["ignore", "ignore", "pipe"], env: {} });
    child.stderr?.on("data", (chunk) => {
      this.#log = (this.#log + chunk).slice(-4_000);
    });
    this.#process = child;
  }

  async start(): Promise<void> {
    this.spawn();
    await this.ready();
  }

  /** Resolves once it answers a linearizable read. */
  async ready(): Promise<void> {
    const end = Date.now() + START_MS;
    for (;;) {
      const answer = await this.ctl("get", "x").catch((error: Error) => error);
      // An answer that asks for a user is one, too.
      if (typeof answer === "string" || /user name is empty|denied/.test(answer.message)) return;
      if (Date.now() > end || this.#process?.exitCode !== null) {
        throw new Error(`etcd does not start: ${answer.message}\n${this.#log}`);
      }
      await sleep(50);
    }
  }

  /** Runs etcdctl against this server; the text it prints. */
  async ctl(...args: string[]): Promise<string> {
    const { scheme = "http", ctlFlags = [] } = this.#options;
    const env = { ETCDCTL_API: "3", PATH: process.env["PATH"] ?? "" };
    const flags = ["--endpoints", `${scheme}://${this.endpoint}`, "--command-timeout", "3s"];
    const options = { env, maxBuffer: 1 << 28 };
    const { stdout } = await run("etcdctl", [...flags, ...ctlFlags, ...args], options);
    return stdout;
  }

  /** Ends the process, keeping its data. */
  async kill(signal: "SIGTERM" | "SIGKILL" = "SIGKILL"): Promise<void> {
    const child = this.#process;
    if (child === undefined || !this.isRunning) return;
    this.#process = undefined;
    const exit = once(child, "exit");
    child.kill("SIGCONT");
    child.kill(signal);
    await exit;
  }

  /** Freezes the process: connections stay, and nothing answers. */
  freeze(): void {
    this.#process?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#process?.kill("SIGCONT");
  }

  /** Loses all data of a server that is not running. */
  loseData(): void {
    rmSync(join(this.#directory, "data"), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** Ports that nobody listens at now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

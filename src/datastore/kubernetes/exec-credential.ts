/**
 * Credentials from a program that a kubeconfig names, by client.authentication.k8s.io: it is told
 * what they are for in a variable, and prints an ExecCredential.
 */
import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { CausewayError, reasonOf } from "../../errors.ts";

export interface ExecConfig {
  readonly apiVersion?: string;
  readonly command?: string;
  readonly args?: readonly string[] | null;
  readonly env?: readonly { readonly name: string; readonly value: string }[] | null;
  readonly installHint?: string;
  readonly provideClusterInfo?: boolean;
}

/** What a plugin is told of the cluster, where it asks for that. */
export interface ExecCluster {
  readonly server: string;
  readonly "certificate-authority-data"?: string;
  readonly "tls-server-name"?: string;
}

export interface Credential {
  readonly token?: string;
  readonly clientCertificateData?: string;
  readonly clientKeyData?: string;
  readonly expirationTimestamp?: string;
}

/** A plugin may have to ask somebody over the network, but not for ever. */
const DEADLINE = 60_000;
/** A credential counts as expired this much before its time, in milliseconds. */
const MARGIN = 30_000;

export class ExecCredential {
  readonly #config: ExecConfig;
  readonly #directory: string;
  readonly #cluster: ExecCluster;
  #held: Credential | undefined;
  #asking: Promise<Credential> | undefined;

  /** @param directory that of the kubeconfig: a command with a slash is relative to it */
  constructor(config: ExecConfig, directory: string, cluster: ExecCluster) {
    this.#config = config;
    this.#directory = directory;
    this.#cluster = cluster;
  }

  /**
   * The credential held, or a new one once it has expired. One without a time holds until refused.
   * @throws CausewayError `datastore`
   */
  async get(wasRefused: boolean): Promise<Credential> {
    if (this.#held !== undefined && !wasRefused && !isExpired(this.#held)) return this.#held;
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    this.#held = await this.#asking;
    return this.#held;
  }

  async #ask(): Promise<Credential> {
    const { command = "", args, env, installHint } = this.#config;
    const path = command.includes("/") ? resolve(this.#directory, command) : command;
    const apiVersion = this.#config.apiVersion ?? "client.authentication.k8s.io/v1";
    const spec = {
      interactive: false,
      ...(this.#config.provideClusterInfo ? { cluster: this.#cluster } : {}),
    };
    const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
    const own = Object.fromEntries((env ?? []).map(({ name, value }) => [name, value]));
    try {
      const { stdout } = await promisify(execFile)(path, args ?? [], {
        env: { ...process.env, ...own, KUBERNETES_EXEC_INFO: info },
        timeout: DEADLINE,
      });
      const { status } = JSON.parse(stdout) as { status?: Credential };
      if (status === undefined) throw new SyntaxError("it printed no status");
      return status;
    } catch (error) {
      const message = `the credential plugin ${command} failed: ${reasonOf(error)}`;
      const hint = installHint ? { hint: installHint } : {};
      throw new CausewayError("datastore", message, { cause: error, ...hint });
    }
  }
}

function isExpired({ expirationTimestamp }: Credential): boolean {
  if (expirationTimestamp === undefined) return false;
  return Date.parse(expirationTimestamp) - MARGIN < Date.now();
}

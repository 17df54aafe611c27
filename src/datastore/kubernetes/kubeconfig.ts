/**
 * Access from a kubeconfig: one of its contexts, with the cluster and the user that it names. What
 * kubectl does with tokens, token files, certificates, passwords and exec plugins is done here; the
 * providers that left kubectl with 1.26 (gcp, azure, oidc) are not.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse } from "yaml";
import { CausewayError, reasonOf } from "../../errors.ts";
import type { Access, TlsIdentity } from "./access.ts";
import { type ExecConfig, ExecCredential } from "./exec-credential.ts";
import { readPem } from "./in-cluster.ts";
import { TokenFile } from "./token-file.ts";

interface Cluster {
  readonly server?: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "tls-server-name"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "proxy-url"?: string;
}

interface User {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly exec?: ExecConfig;
  readonly "auth-provider"?: { readonly name?: string };
}

interface Context {
  readonly cluster?: string;
  readonly user?: string;
}

interface KubeconfigFile {
  readonly "current-context"?: string;
  readonly clusters?: readonly { readonly name?: string; readonly cluster?: Cluster }[] | null;
  readonly users?: readonly { readonly name?: string; readonly user?: User }[] | null;
  readonly contexts?: readonly { readonly name?: string; readonly context?: Context }[] | null;
}

/**
 * @param path of the file; paths in it are relative to its directory
 * @param contextName the file's current context without
 * @throws CausewayError `bad-config` that names the file and what it lacks
 */
export function kubeconfigAccess(path: string, contextName?: string): Access {
  const file = readKubeconfig(path);
  const refuse = (what: string, hint?: string): never => {
    throw new CausewayError("bad-config", `kubeconfig ${path}: ${what}`, hint ? { hint } : {});
  };
  const names = (file.contexts ?? []).map(({ name }) => name).join(", ") || "none";
  const wanted = contextName ?? file["current-context"];
  if (!wanted) refuse(`no current context; it has ${names}`, "give --kube-context NAME");
  const context = file.contexts?.find(({ name }) => name === wanted)?.context;
  if (!context) return refuse(`no context "${wanted}"; it has ${names}`);
  const cluster = file.clusters?.find(({ name }) => name === context.cluster)?.cluster;
  if (!cluster) return refuse(`context "${wanted}" names cluster "${context.cluster}", not there`);
  const user = file.users?.find(({ name }) => name === context.user)?.user ?? {};
  const server = URL.canParse(cluster.server ?? "") ? new URL(cluster.server ?? "") : undefined;
  if (!server || !/^https?:$/.test(server.protocol)) {
    return refuse(`cluster "${context.cluster}" has no server URL (${cluster.server})`);
  }
  if (cluster["proxy-url"]) refuse(`cluster "${context.cluster}" has a proxy-url: not supported`);
  const provider = user["auth-provider"]?.name;
  if (provider) {
    refuse(`user "${context.user}" has auth-provider ${provider}: not supported`, "use exec");
  }
  return new KubeconfigAccess(server, dirname(resolve(path)), cluster, user);
}

class KubeconfigAccess implements Access {
  readonly server: URL;
  readonly #directory: string;
  readonly #cluster: Cluster;
  readonly #user: User;
  readonly #tokenFile: TokenFile | undefined;
  readonly #exec: ExecCredential | undefined;

  constructor(server: URL, directory: string, cluster: Cluster, user: User) {
    this.server = server;
    this.#directory = directory;
    this.#cluster = cluster;
    this.#user = user;
    if (user.tokenFile) this.#tokenFile = new TokenFile(resolve(directory, user.tokenFile));
    if (user.exec) {
      const { "certificate-authority-data": ca, "tls-server-name": name } = cluster;
      this.#exec = new ExecCredential(user.exec, directory, {
        server: cluster.server ?? "",
        ...(ca === undefined ? {} : { "certificate-authority-data": ca }),
        ...(name === undefined ? {} : { "tls-server-name": name }),
      });
    }
  }

  async tls(): Promise<TlsIdentity> {
    const cluster = this.#cluster;
    const plugin = await this.#exec?.get(false);
    const ca = await this.#pem(cluster, "certificate-authority");
    const cert =
      plugin?.clientCertificateData ?? (await this.#pem(this.#user, "client-certificate"));
    const key = plugin?.clientKeyData ?? (await this.#pem(this.#user, "client-key"));
    const servername = cluster["tls-server-name"];
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(servername === undefined ? {} : { servername }),
      ...(cluster["insecure-skip-tls-verify"] ? { rejectUnauthorized: false } : {}),
    };
  }

  async authorization(wasRefused: boolean): Promise<string | undefined> {
    const { token, username, password } = this.#user;
    if (this.#tokenFile) return `Bearer ${await this.#tokenFile.read(wasRefused)}`;
    if (token) return `Bearer ${token}`;
    if (username) {
      return `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
    }
    const credential = await this.#exec?.get(wasRefused);
    return credential?.token === undefined ? undefined : `Bearer ${credential.token}`;
  }

  /** Inline data of a field, in base64, or the file that it names. */
  async #pem<Name extends string>(
    of: { readonly [Key in Name | `${Name}-data`]?: string },
    name: Name,
  ): Promise<string | undefined> {
    const data = of[`${name}-data`];
    if (data) return Buffer.from(data, "base64").toString();
    const path = of[name];
    return path ? readPem(resolve(this.#directory, path)) : undefined;
  }
}

function readKubeconfig(path: string): KubeconfigFile {
  try {
    const file: unknown = parse(readFileSync(path, "utf8"));
    if (typeof file !== "object" || file === null) throw new SyntaxError("not a kubeconfig");
    return file;
  } catch (error) {
    throw new CausewayError("bad-config", `kubeconfig ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
}

/** Access from within a pod: the service account's files, and the variables of the kubernetes service. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CausewayError, reasonOf } from "../../errors.ts";
import type { Access, TlsIdentity } from "./access.ts";
import { TokenFile } from "./token-file.ts";

const DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

export type Environment = Readonly<Record<string, string | undefined>>;

/** True where a pod's variables and files are there. */
export function isInCluster(env: Environment, directory: string = DIRECTORY): boolean {
  return Boolean(env["KUBERNETES_SERVICE_HOST"]) && existsSync(join(directory, "token"));
}

/** @throws CausewayError `bad-config` outside of a pod */
export function inClusterAccess(env: Environment, directory: string = DIRECTORY): Access {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"] || "443";
  if (!host || !isInCluster(env, directory)) {
    throw new CausewayError(
      "bad-config",
      "--datastore kubernetes: this is no pod with a service account, and there is no kubeconfig",
      { hint: "give --kubeconfig FILE" },
    );
  }
  const token = new TokenFile(join(directory, "token"));
  const authorities = join(directory, "ca.crt");
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    async tls(): Promise<TlsIdentity> {
      return { ca: await readPem(authorities) };
    },
    async authorization(wasRefused: boolean): Promise<string> {
      return `Bearer ${await token.read(wasRefused)}`;
    },
  };
}

/** @throws CausewayError `datastore` that names the file */
export async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new CausewayError("datastore", `${path} cannot be read (${reasonOf(error)})`);
  }
}

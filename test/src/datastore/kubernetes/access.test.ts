// Who we are to an API server, tried on one: in a pod, and by what a kubeconfig can say.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { Access } from "../../../../src/datastore/kubernetes/access.ts";
import { ApiClient } from "../../../../src/datastore/kubernetes/api-client.ts";
import { inClusterAccess } from "../../../../src/datastore/kubernetes/in-cluster.ts";
import { kubeconfigAccess } from "../../../../src/datastore/kubernetes/kubeconfig.ts";
import { findAccess } from "../../../../src/datastore/kubernetes/open.ts";
import { ApiServer } from "../../../support/kubernetes/api-server.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-access-"));
const path = (name: string): string => join(directory, name);
let server: ApiServer;

beforeAll(async () => {
  server = await ApiServer.start();
  writeFileSync(path("ca.crt"), server.ca);
});

beforeEach(() => {
  server.tokens.clear();
  server.tokens.add("first");
  server.requests.length = 0;
  writeFileSync(path("token"), "first\n");
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** The status that a request gets. */
async function status(access: Access, client: ApiClient = new ApiClient(access)): Promise<number> {
  return (await client.request({ method: "GET", path: "/api/v1/nodes" })).status;
}

interface Parts {
  readonly cluster?: object;
  readonly user?: object;
  readonly more?: object;
}

function kubeconfig({ cluster, user, more }: Parts = {}): string {
  const ca = Buffer.from(server.ca).toString("base64");
  const file = path("kubeconfig");
  const content = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    contexts: [
      { name: "here", context: { cluster: "test", user: "me" } },
      { name: "lost", context: { cluster: "none", user: "me" } },
    ],
    clusters: [
      {
        name: "test",
        cluster: { server: server.url, "certificate-authority-data": ca, ...cluster },
      },
    ],
    users: [{ name: "me", user: user ?? { token: "first" } }],
    ...more,
  };
  writeFileSync(file, stringify(content));
  return file;
}

/** A credential plugin that counts its runs and notes what it was told. */
function plugin(credential: object): object {
  const script = `#!/bin/sh
echo run >> runs
printf '%s' "$KUBERNETES_EXEC_INFO" > info
printf '%s' "$GREETING $1" > greeting
cat credential
`;
  writeFileSync(path("plugin"), script.replaceAll(/runs|info|greeting$|credential/gm, path));
  chmodSync(path("plugin"), 0o755);
  const kind = "ExecCredential";
  const apiVersion = "client.authentication.k8s.io/v1";
  writeFileSync(path("credential"), JSON.stringify({ apiVersion, kind, status: credential }));
  rmSync(path("runs"), { force: true });
  return {
    exec: {
      apiVersion,
      command: "./plugin",
      args: ["there"],
      env: [{ name: "GREETING", value: "hello" }],
      provideClusterInfo: true,
    },
  };
}

const runs = (): number => readFileSync(path("runs"), "utf8").trim().split("\n").length;

describe("in a pod", () => {
  const pod = (): Record<string, string> => ({
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: String(server.port),
  });

  test("the service account's files say who we are, also when the token is replaced", async () => {
    const access = inClusterAccess(pod(), directory);
    const client = new ApiClient(access);
    expect(await status(access, client)).toBe(200);
    writeFileSync(path("token"), "second\n");
    server.tokens.clear();
    server.tokens.add("second");
    expect(await status(access, client)).toBe(200);
    expect(server.requests.map(({ code }) => code)).toEqual([200, 401, 200]);
    client.close();
  });

  test("a token that is refused and not replaced is refused once more, and that is the answer", async () => {
    server.tokens.clear();
    expect(await status(inClusterAccess(pod(), directory))).toBe(401);
    expect(server.requests).toHaveLength(2);
  });

  test("IPv6 addresses of the service are put in brackets", () => {
    const env = { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "6443" };
    expect(inClusterAccess(env, directory).server.href).toBe("https://[fd00::1]:6443/");
  });

  test("outside of one that is said, with what to do", () => {
    const settings = { kubeconfig: undefined, kubeContext: undefined };
    const env = { HOME: directory };
    expect(() => findAccess(settings, env)).toThrow(
      expect.objectContaining({ code: "bad-config", hint: "give --kubeconfig FILE" }),
    );
  });
});

describe("by a kubeconfig", () => {
  test("the current context is used, or the one that is named", async () => {
    const access = kubeconfigAccess(kubeconfig());
    expect(access.server.href).toBe(`${server.url}/`);
    expect(await status(access)).toBe(200);
    expect(() => kubeconfigAccess(kubeconfig(), "lost")).toThrow(/names cluster "none", not there/);
  });

  test("KUBECONFIG and ~/.kube/config are found as kubectl finds them", async () => {
    const settings = { kubeconfig: undefined, kubeContext: undefined };
    const first = findAccess(settings, { KUBECONFIG: `${kubeconfig()}:/other` });
    expect(await status(first)).toBe(200);
    mkdirSync(path(".kube"), { recursive: true });
    writeFileSync(path(".kube/config"), readFileSync(kubeconfig()));
    expect(await status(findAccess(settings, { HOME: directory }))).toBe(200);
  });

  test("files named in it are relative to it", async () => {
    const cluster = { "certificate-authority-data": "", "certificate-authority": "ca.crt" };
    const access = kubeconfigAccess(kubeconfig({ cluster, user: { tokenFile: "token" } }));
    expect(await status(access)).toBe(200);
  });

  test("a server that its authority does not vouch for is refused", async () => {
    const access = kubeconfigAccess(kubeconfig({ cluster: { "certificate-authority-data": "" } }));
    await expect(status(access)).rejects.toMatchObject({
      code: "datastore",
      message: expect.stringMatching(/^https:\/\/127.0.0.1:\d+: self-signed certificate/),
    });
    const cluster = { "certificate-authority-data": "", "insecure-skip-tls-verify": true };
    expect(await status(kubeconfigAccess(kubeconfig({ cluster })))).toBe(200);
  });

  test("a name that the certificate does not have is refused, unless another is given", async () => {
    const cluster = { "tls-server-name": "elsewhere.example" };
    await expect(status(kubeconfigAccess(kubeconfig({ cluster })))).rejects.toThrow(/altnames/);
    const known = { "tls-server-name": "kubernetes.default.svc" };
    expect(await status(kubeconfigAccess(kubeconfig({ cluster: known })))).toBe(200);
  });

  test("client certificates come from data and from files", async () => {
    writeFileSync(path("me.key"), "the key");
    const user = {
      "client-certificate-data": Buffer.from("the certificate").toString("base64"),
      "client-key": "me.key",
    };
    const access = kubeconfigAccess(kubeconfig({ user }));
    expect(await access.tls()).toMatchObject({ cert: "the certificate", key: "the key" });
    expect(await access.authorization(false)).toBeUndefined();
  });

  test("a name and a password go as they do with kubectl", async () => {
    const access = kubeconfigAccess(kubeconfig({ user: { username: "me", password: "it" } }));
    expect(await access.authorization(false)).toBe("Basic bWU6aXQ=");
  });

  test.each([
    { more: { "current-context": "" }, says: /no current context; it has here, lost/ },
    { more: { contexts: null }, says: /no context "here"; it has none/ },
    { cluster: { server: "ftp://x" }, says: /cluster "test" has no server URL \(ftp:/ },
    { cluster: { "proxy-url": "http://x" }, says: /has a proxy-url: not supported/ },
    { user: { "auth-provider": { name: "gcp" } }, says: /auth-provider gcp: not supported/ },
  ])("one that cannot be used is refused: $says", ({ says, ...parts }) => {
    const refusal = (): Access => kubeconfigAccess(kubeconfig(parts));
    expect(refusal).toThrow(says);
    expect(refusal).toThrow(expect.objectContaining({ code: "bad-config" }));
  });

  test("one that is not there, or no YAML, is refused by its name", () => {
    expect(() => kubeconfigAccess(path("nowhere"))).toThrow(/^kubeconfig .*nowhere: ENOENT/);
    writeFileSync(path("kubeconfig"), "a: [");
    expect(() => kubeconfigAccess(path("kubeconfig"))).toThrow(/^kubeconfig .*kubeconfig: /);
  });
});

describe("a credential plugin", () => {
  test("is run once for a token without a time, and again when that is refused", async () => {
    const access = kubeconfigAccess(kubeconfig({ user: plugin({ token: "first" }) }));
    const client = new ApiClient(access);
    expect(await status(access, client)).toBe(200);
    expect(await status(access, client)).toBe(200);
    expect(runs()).toBe(1);
    expect(readFileSync(path("greeting"), "utf8")).toBe("hello there");
    expect(JSON.parse(readFileSync(path("info"), "utf8"))).toMatchObject({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: server.url } },
    });
    server.tokens.clear();
    expect(await status(access, client)).toBe(401);
    expect(runs()).toBe(2);
    client.close();
  });

  test("is run again when its token has expired", async () => {
    const credential = { token: "first", expirationTimestamp: "2020-01-01T00:00:00Z" };
    const access = kubeconfigAccess(kubeconfig({ user: plugin(credential) }));
    await access.authorization(false);
    await access.authorization(false);
    expect(runs()).toBe(2);
  });

  test("that fails is named, with what it said", async () => {
    const user = plugin({});
    writeFileSync(path("plugin"), "#!/bin/sh\necho no session >&2; exit 3\n");
    const access = kubeconfigAccess(kubeconfig({ user }));
    await expect(access.authorization(false)).rejects.toMatchObject({
      code: "datastore",
      message: expect.stringMatching(/^the credential plugin .\/plugin failed: .*no session/s),
    });
  });
});

/**
 * Three etcd servers on this machine's loopback, and a relay in front of each in the namespace of a
 * site's router: the nodes reach etcd over the underlay, and the way can be cut. Who asks needs a user,
 * whose tokens last two seconds.
 */
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEtcdUrl } from "../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../src/datastore/etcd/client.ts";
import { EtcdRecordStore } from "../../src/datastore/etcd/record-store.ts";
import type { RecordKind, RecordValue } from "../../src/datastore/record-store.ts";
import { inNetworkNamespace } from "../../src/demo/network-namespace.ts";
import type { OpenStore } from "../../src/demo/site.ts";
import type { Resource } from "../../src/demo/topology-resources.ts";
import { EtcdServer, freePorts } from "./etcd-server.ts";
import { Relay } from "./kubernetes/relay.ts";

const ROUTER = "192.0.2.1";
export const ETCD_PORTS: readonly number[] = [2379, 2381, 2383];
const NAMES = ["a", "b", "c"];

export class EtcdSite implements AsyncDisposable {
  readonly members: readonly EtcdServer[];
  readonly #directory: string;
  readonly #records: EtcdRecordStore;
  #relays: readonly Relay[] = [];

  private constructor(members: readonly EtcdServer[], directory: string) {
    this.members = members;
    this.#directory = directory;
    const settings = { etcdUser: "root", etcdPasswordFile: this.#passwordFile };
    this.#records = new EtcdRecordStore(new EtcdClient(parseEtcdUrl(this.#url, settings)));
  }

  static async start(): Promise<EtcdSite> {
    const directory = mkdtempSync(join(tmpdir(), "causeway-etcd-site-"));
    const flags = ["--auth-token", tokensOf(directory)];
    const ports = await freePorts(NAMES.length);
    const cluster = Object.fromEntries(
      NAMES.map((name, at) => [name, `http://127.0.0.1:${ports[at]}`]),
    );
    const options = { flags, cluster, ctlFlags: ["--user", "root:secret"] };
    const members = await Promise.all(
      NAMES.map((name) => EtcdServer.prepare({ ...options, name })),
    );
    writeFileSync(join(directory, "password"), "secret\n", { mode: 0o600 });
    const site = new EtcdSite(members, directory);
    await site.startMembers();
    await site.askForUsers();
    return site;
  }

  /** For `startCluster`: the agents come through the relays, a plan made here goes straight to etcd. */
  get clusterOptions(): {
    openStore: OpenStore;
    agentFlags: readonly string[];
    planFlags: Readonly<Record<string, string>>;
  } {
    const etcdPasswordFile = this.#passwordFile;
    return {
      agentFlags: ["--etcd-user", "root", "--etcd-password-file", etcdPasswordFile],
      planFlags: { datastore: this.#url, etcdUser: "root", etcdPasswordFile },
      openStore: async ({ router }) => {
        await this.#relay(router);
        return {
          url: `etcd://${ETCD_PORTS.map((port) => `${ROUTER}:${port}`).join(",")}`,
          write: (resources) => this.write(...resources),
          close: async () => undefined,
          leave: () => undefined,
        };
      },
    };
  }

  async startMembers(): Promise<void> {
    for (const member of this.members) member.spawn();
    for (const member of this.members) await member.ready();
  }

  async killMembers(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  async askForUsers(): Promise<void> {
    for (const command of ["user add root:secret", "user grant-role root root", "auth enable"]) {
      await this.members[0]?.ctl(...command.split(" "));
    }
  }

  /** The way of the nodes to etcd: connections are cut, and new ones refused. */
  cut(): void {
    for (const relay of this.#relays) {
      relay.isRefusing = true;
      relay.cut();
    }
  }

  mend(): void {
    for (const relay of this.#relays) relay.isRefusing = false;
  }

  async write(...resources: readonly Resource[]): Promise<void> {
    for (const resource of resources) {
      const value = resource as unknown as RecordValue;
      const old = await this.#records.get(value.kind, value.metadata.name);
      if (old === undefined) await this.#records.create(value);
      else await this.#records.update(value, old.revision);
    }
  }

  async remove(kind: RecordKind, name: string): Promise<void> {
    const old = await this.#records.get(kind, name);
    if (old !== undefined) await this.#records.delete(kind, name, old.revision);
  }

  /** Everything up to now is kept no longer, only the present state. */
  async compact(): Promise<void> {
    const { value: text } = { value: await this.members[0]?.ctl("get", "x", "-w", "json") };
    const { header } = JSON.parse(text ?? "{}") as { header: { revision: number } };
    await this.members[0]?.ctl("compact", String(header.revision));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records.close();
    for (const relay of this.#relays) await relay[Symbol.asyncDispose]();
    for (const member of this.members) await member[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true });
  }

  get #passwordFile(): string {
    return join(this.#directory, "password");
  }

  get #url(): string {
    return `etcd://${this.members.map(({ endpoint }) => endpoint).join(",")}`;
  }

  async #relay(router: string): Promise<void> {
    this.#relays = await Promise.all(
      this.members.map(({ endpoint }, at) =>
        Relay.start(Number(endpoint.split(":")[1]), (server) =>
          // Without an address it listens at once, in the namespace that the thread is in now.
          inNetworkNamespace(router, () => server.listen(ETCD_PORTS[at])),
        ),
      ),
    );
  }
}

/** Tokens that are signed, and known to all members: only time makes them void. */
function tokensOf(directory: string): string {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const [ours, theirs] = [join(directory, "private.pem"), join(directory, "public.pem")];
  writeFileSync(ours, privateKey);
  writeFileSync(theirs, publicKey);
  return `jwt,pub-key=${theirs},priv-key=${ours},sign-method=RS256,ttl=2s`;
}

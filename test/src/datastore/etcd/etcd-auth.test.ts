import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { EtcdSettings } from "../../../../src/config/etcd-settings.ts";
import { EtcdRecordStore } from "../../../../src/datastore/etcd/record-store.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";
import { makeCertificate } from "../../../support/kubernetes/certificate.ts";
import { Relay } from "../../../support/kubernetes/relay.ts";
import { EtcdDriver } from "./etcd-driver.ts";
import { becomesExact, content, followed, nodes } from "./etcd-lab.ts";

const top = mkdtempSync(join(tmpdir(), "causeway-etcd-auth-"));
afterAll(() => rmSync(top, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(top, name);
  writeFileSync(path, text);
  return path;
}

const ROOT = ["--user", "root:secret"];
/** Seconds that a token is good for. */
const TTL = 2;
const TTL_MS = 1_000 * TTL;

/** A server that asks who one is: root may do all, "agent" may read and write below /calico-. */
async function guarded(tokens: string): Promise<EtcdServer> {
  const flags = ["--auth-token", tokens];
  const server = await EtcdServer.start({ flags, ctlFlags: ROOT });
  const commands = [
    "user add root:secret",
    "user grant-role root root",
    "role add overlay",
    "role grant-permission overlay --prefix=true readwrite /calico-",
    "user add agent:sesame",
    "user grant-role agent overlay",
    "user add stranger:sesame",
    "auth enable",
  ];
  for (const command of commands) await server.ctl(...command.split(" "));
  return server;
}

function asAgent(etcdUser = "agent", etcdPassword = "sesame"): EtcdSettings {
  return { etcdUser, etcdPassword };
}

describe("etcd that asks for a user", () => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = file("public.pem", `${pair.publicKey.export({ type: "spki", format: "pem" })}`);
  const privateKey = file(
    "private.pem",
    `${pair.privateKey.export({ type: "pkcs1", format: "pem" })}`,
  );
  const jwt = `jwt,pub-key=${publicKey},priv-key=${privateKey},sign-method=RS256,ttl=${TTL}s`;
  let server: EtcdServer;
  beforeAll(async () => {
    server = await guarded(jwt);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("is followed on with a new token where the old one has expired", async () => {
    await using relay = await Relay.start(Number(server.endpoint.split(":")[1]));
    const endpoints = [`127.0.0.1:${relay.port}`];
    await using driver = new EtcdDriver(server, { settings: asAgent(), endpoints });
    await using store = await followed(driver);
    for (const version of [1, 2]) {
      await sleep(1.5 * TTL_MS);
      relay.cut();
      await driver.put(...nodes(10, version));
      await becomesExact(driver, store);
    }
    store.datastore.resync({ acceptEmpty: false });
    await sleep(1.5 * TTL_MS);
    await driver.put(...nodes(10, 3));
    await becomesExact(driver, store);
    expect(store.batches.map(({ condition }) => condition.state)).not.toContain("incomplete");
  });

  test("takes records with a new token where the old one has expired", async () => {
    await using driver = new EtcdDriver(server, { settings: asAgent() });
    await driver.put(...content);
    const records = new EtcdRecordStore(driver.client);
    const read = await records.get("Node", "alder");
    await sleep(1.5 * TTL_MS);
    await records.update({ ...read?.value, spec: {} } as never, read?.revision ?? "");
    await sleep(1.5 * TTL_MS);
    expect((await records.list("Node")).map(({ value }) => value.spec)).toEqual([{}]);
  });

  test("takes the password from a file, as it is when it is needed", async () => {
    const etcdPasswordFile = file("password", "wrong\n");
    const settings = { etcdUser: "agent", etcdPasswordFile };
    await using writer = new EtcdDriver(server, { settings: asAgent() });
    await writer.put(...content);
    await using driver = new EtcdDriver(server, { settings, driver: writer });
    await using store = new StoreFollower(driver.open());
    await store.until(({ state }) => state === "unreachable");
    expect(store.last?.condition).toMatchObject({
      reason: `etcd ${server.endpoint}: authentication failed, invalid user ID or password`,
    });
    writeFileSync(etcdPasswordFile, "sesame\n");
    await store.until(({ last }) => last?.inSync === true);
    await becomesExact(writer, store);
  });

  test.each([
    ["no user", {}, /user name is empty$/, /--etcd-user/],
    ["a user without the right", asAgent("stranger"), /permission denied$/, /role read/],
  ])("is unreachable with %s, and says what to do", async (_, settings, reason, hint) => {
    await using driver = new EtcdDriver(server, { settings });
    await using store = new StoreFollower(driver.open());
    await store.until(({ state }) => state === "unreachable");
    expect(store.last).toMatchObject({
      inSync: false,
      condition: { reason: expect.stringMatching(reason) },
    });
    await expect(new EtcdRecordStore(driver.client).list("Node")).rejects.toMatchObject({
      code: "datastore",
      message: expect.stringMatching(reason),
      hint: expect.stringMatching(hint),
    });
  });

  test("removes nothing when the right to read is taken away, and goes on when it is back", async () => {
    await using driver = new EtcdDriver(server, { settings: asAgent() });
    await using store = await followed(driver);
    await server.ctl("user", "revoke-role", "agent", "overlay");
    store.datastore.resync({ acceptEmpty: false });
    await store.until(({ state }) => state === "unreachable");
    expect(store.keys).toHaveLength(content.length);
    await server.ctl("user", "grant-role", "agent", "overlay");
    await driver.put(...nodes(3));
    await becomesExact(driver, store);
  });
});

test("simple tokens, which a restart of etcd makes void, are asked for anew", async () => {
  await using server = await guarded("simple");
  await using driver = new EtcdDriver(server, { settings: asAgent() });
  await using store = await followed(driver);
  await server.kill();
  await server.start();
  await driver.put(...nodes(10));
  await becomesExact(driver, store);
});

test("a user that etcd does not ask for yet is no obstacle", async () => {
  await using server = await EtcdServer.start();
  await using driver = new EtcdDriver(server, { settings: asAgent() });
  await using store = await followed(driver);
  await driver.put(...nodes(3));
  await becomesExact(driver, store);
});

describe("etcd over TLS", () => {
  let server: EtcdServer;
  let settings: { etcdCa: string; etcdCert: string; etcdKey: string };
  beforeAll(async () => {
    const { cert, key } = await makeCertificate();
    settings = {
      etcdCa: file("ca", cert),
      etcdCert: file("cert", cert),
      etcdKey: file("key", key),
    };
    const { etcdCa, etcdCert, etcdKey } = settings;
    server = await EtcdServer.start({
      scheme: "https",
      flags: [
        ...["--cert-file", etcdCert, "--key-file", etcdKey],
        ...["--client-cert-auth", "--trusted-ca-file", etcdCa],
      ],
      ctlFlags: ["--cacert", etcdCa, "--cert", etcdCert, "--key", etcdKey],
    });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("is followed with a certificate of both sides, by address and by name", async () => {
    const port = server.endpoint.split(":")[1];
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on("warning", onWarning);
    for (const endpoint of [server.endpoint, `localhost:${port}`]) {
      await using driver = new EtcdDriver(server, { settings, endpoints: [endpoint] });
      await using store = await followed(driver);
      await driver.put(...nodes(3));
      await becomesExact(driver, store);
    }
    process.off("warning", onWarning);
    expect(warnings).toEqual([]);
  });

  test.each([
    ["without a certificate", ["etcdCa"], /no connection|certificate required|bad certificate/],
    ["without TLS", [], /no connection|dropped|ECONNRESET|hang up/],
    ["with authorities that do not know it", ["etcdCert", "etcdKey"], /self-signed certificate/],
  ] as const)("cannot be reached %s, and says so", async (_, names, reason) => {
    const some = Object.fromEntries(names.map((name) => [name, settings[name]]));
    await using driver = new EtcdDriver(server, { settings: some });
    await using store = new StoreFollower(driver.open());
    await store.until(({ state }) => state === "unreachable");
    expect(store.last?.condition).toMatchObject({ reason: expect.stringMatching(reason) });
  });

  test("is not believed where its certificate has another name", async () => {
    const port = Number(server.endpoint.split(":")[1]);
    await using relay = await Relay.start(port, (listener) => listener.listen(0, "127.0.0.2"));
    const endpoints = [`127.0.0.2:${relay.port}`];
    await using driver = new EtcdDriver(server, { settings, endpoints });
    await using store = new StoreFollower(driver.open());
    await store.until(({ state }) => state === "unreachable");
    expect(store.last?.condition).toMatchObject({
      reason: expect.stringMatching(/127\.0\.0\.2 is not in the cert's list/),
    });
  });
});

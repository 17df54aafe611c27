import { afterAll, beforeAll, describe, test } from "vitest";
import { storeCases } from "../../../conformance/datastore.cases.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";
import { EtcdDriver } from "./etcd-driver.ts";

let server: EtcdServer;
beforeAll(async () => {
  server = await EtcdServer.start();
});
afterAll(() => server[Symbol.asyncDispose]());

describe("etcd datastore, on a real server", () => {
  test.each(storeCases)("$name", async ({ run }) => {
    await using driver = new EtcdDriver(server);
    await run(driver);
  });
});

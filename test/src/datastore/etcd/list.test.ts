/** Lists of many pages, while their keys change. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseEtcdUrl } from "../../../../src/datastore/etcd/access.ts";
import { EtcdClient } from "../../../../src/datastore/etcd/client.ts";
import { listRanges } from "../../../../src/datastore/etcd/list.ts";
import { EtcdServer } from "../../../support/etcd-server.ts";

const KEYS = 2_500;
const LENGTH = 30_000;

let server: EtcdServer;
let client: EtcdClient;
beforeAll(async () => {
  server = await EtcdServer.start({ flags: ["--unsafe-no-fsync"] });
  client = new EtcdClient(parseEtcdUrl(`etcd://${server.endpoint}`, {}));
});
afterAll(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

async function put(range: string, from: number, to: number, value: string): Promise<void> {
  const puts = Array.from({ length: to - from }, (_, at) => {
    const key = Buffer.from(`/${range}/${String(from + at).padStart(5, "0")}`);
    return { put: { key, value: Buffer.from(value) } };
  });
  await client.txn({ compare: [], success: puts, failure: [] });
}

test("a list has every key of its ranges once, in order and of one revision", async () => {
  const old = "o".repeat(LENGTH);
  for (let at = 0; at < KEYS; at += 25) await put("b", at, at + 25, old);
  await put("a", 0, 3, "first");
  const ranges = ["a", "none", "b"].map((name) => ({ from: `/${name}/`, to: `/${name}0` }));
  const seen: string[] = [];
  let pages = 0;
  const revision = await listRanges(
    client,
    ranges,
    () => undefined,
    async (page) => {
      pages++;
      while (page.next()) {
        seen.push(page.key);
        expect(page.value).toBe(page.key.startsWith("/a/") ? "first" : old);
      }
      // Neither a key that is new nor a value that is.
      await put("b", 0, 1, "new");
      await put("b", KEYS - 1, KEYS + 1, "new");
    },
  );
  const wanted = Array.from({ length: KEYS }, (_, at) => `/b/${String(at).padStart(5, "0")}`);
  expect(seen).toEqual(["/a/00000", "/a/00001", "/a/00002", ...wanted]);
  expect(pages).toBeGreaterThan(4);
  const { header } = await client.range({ key: Buffer.from("/") });
  expect(revision).toBeLessThan(header?.revision ?? 0);
});

/** Nodes that register themselves at once in one directory of files. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { FileRecordStore } from "../../../src/datastore/file-records/record-store.ts";
import { validatePaths } from "../../../src/datastore/validate.ts";
import { checkIpam } from "../../support/check-ipam.ts";
import { register } from "../../support/register-lab.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-register-"));
afterAll(() => rmSync(directory, { recursive: true }));

const pools = `# The cluster's pools, by hand.
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: vxlan}
spec: {cidr: 10.244.0.0/24, vxlanMode: Always, blockSize: 27}   # for six
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: six}
spec: {cidr: "fd00:1::/120", vxlanMode: Always, blockSize: 123}
`;
const names = Array.from({ length: 6 }, (_, at) => `node-${at}`);

test("six nodes that start at once share a directory, and what was written by hand stays", async () => {
  writeFileSync(join(directory, "pools.yaml"), pools);
  const passes = async (): Promise<void> => {
    await Promise.all(
      names.map(async (name, at) => {
        const store = new FileRecordStore(directory);
        await register(store, name, `192.0.2.${at + 1}/24`, `2001:db8::${at + 1}/64`);
        await store.close();
      }),
    );
  };
  await passes();
  const store = new FileRecordStore(directory);
  expect(await checkIpam(store)).toEqual([]);
  const blocks = await store.list("IPAMBlock");
  const owners = blocks.map(({ value }) => String(value.spec["affinity"])).sort();
  expect(owners).toEqual(names.flatMap((name) => Array(2).fill(`host:${name}`)));
  const before = await Promise.all([store.list("IPAMBlock"), store.list("Node")]);
  await passes();
  expect(await Promise.all([store.list("IPAMBlock"), store.list("Node")])).toEqual(before);
  expect(readFileSync(join(directory, "pools.yaml"), "utf8")).toBe(pools);
  expect((await validatePaths([directory])).problems).toEqual([]);
  await store.close();
});

import { resolve } from "node:path";
import { expect, test } from "vitest";
import { FileDatastore } from "../../../src/datastore/file.ts";
import { openDatastore } from "../../../src/datastore/open.ts";

const settings = {
  kubeconfig: undefined,
  kubeContext: undefined,
  blocks: "auto",
  etcd: {},
  node: "alder",
  nodeAddress: {},
  flannelConfig: undefined,
} as const;
const kinds =
  "unknown kind; use file:DIR, etcd://HOST:PORT[,HOST:PORT...] or kubernetes:, the last two also with flannel+";

test.each(["file:/etc/causeway", "file:./cluster", "file:cluster"])(
  "openDatastore opens %s",
  async (url) => {
    const datastore = await openDatastore({ ...settings, datastore: url });
    expect(datastore).toBeInstanceOf(FileDatastore);
    expect(datastore.url).toBe(url);
  },
);

test("openDatastore takes file:///DIR for file:/DIR", async () => {
  const datastore = `file://${resolve("/x")}`;
  expect((await openDatastore({ ...settings, datastore })).url).toBe("file:/x");
});

test.each([
  ["etcd//10.0.0.1", `--datastore "etcd//10.0.0.1": ${kinds}`],
  ["/etc/causeway", `--datastore "/etc/causeway": ${kinds}`],
  ["", `--datastore "": ${kinds}`],
  [
    "kubernetes:https://10.0.0.1",
    '--datastore "kubernetes:https://10.0.0.1": nothing goes after kubernetes:',
  ],
  ["file:", '--datastore "file:": no directory; use file:DIR'],
])("openDatastore refuses %j", async (datastore, message) => {
  await expect(openDatastore({ ...settings, datastore })).rejects.toThrow(
    expect.objectContaining({ code: "bad-config", message }),
  );
});

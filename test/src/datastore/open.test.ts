import { resolve } from "node:path";
import { expect, test } from "vitest";
import { FileDatastore } from "../../../src/datastore/file.ts";
import { openDatastore } from "../../../src/datastore/open.ts";

test.each(["file:/etc/causeway", "file:./cluster", "file:cluster"])(
  "openDatastore opens %s",
  (url) => {
    const datastore = openDatastore(url);
    expect(datastore).toBeInstanceOf(FileDatastore);
    expect(datastore.url).toBe(url);
  },
);

test("openDatastore takes file:///DIR for file:/DIR", () => {
  expect(openDatastore(`file://${resolve("/x")}`).url).toBe("file:/x");
});

test.each([
  ["etcd//10.0.0.1", '--datastore "etcd//10.0.0.1": unknown kind; use file:DIR'],
  ["etcd://10.0.0.1", '--datastore "etcd://10.0.0.1": unknown kind; use file:DIR'],
  ["/etc/causeway", '--datastore "/etc/causeway": unknown kind; use file:DIR'],
  ["", '--datastore "": unknown kind; use file:DIR'],
  ["file:", '--datastore "file:": no directory; use file:DIR'],
])("openDatastore refuses %j", (url, message) => {
  expect(() => openDatastore(url)).toThrow(
    expect.objectContaining({ code: "bad-config", message }),
  );
});

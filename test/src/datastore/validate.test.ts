import { expect, test } from "vitest";
import { formatFault } from "../../../src/datastore/fault-text.ts";
import { validatePaths } from "../../../src/datastore/validate.ts";
import { FileDriver } from "./file-driver.ts";

test("validatePaths names every problem with file, line, field and reason", async () => {
  await using driver = new FileDriver();
  driver.write(
    "pools.yaml",
    `# the pools
apiVersion: projectcalico.org/v3
kind: IPPool
metadata:
  name: green
spec:
  cidr: 10.77.0.0/33
  vxlanMode: Alway
---
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: blue}
spec: {cidr: 10.78.0.0/16}
`,
  );
  driver.write(
    "nodes.yaml",
    `apiVersion: v1
kind: List
items:
- apiVersion: projectcalico.org/v3
  kind: Node
  metadata:
    name: alder
  spec:
    bgp:
      ipv4Address: 192.0.2.11/24
- apiVersion: projectcalico.org/v3
  kind: Node
  metadata:
    name: birch
  spec:
    bgp:
      ipv4Address: 192.0.2.12/24
    vxlanMode: Always
`,
  );
  driver.write(
    "z.json",
    `{"apiVersion":"projectcalico.org/v3","kind":"NodeList","items":[
{"metadata":{"name":"alder"},"spec":{}},
{"metadata":{"name":"cedar"},"spec":{"bgp":
{"ipv4Address":true}}}]}`,
  );
  driver.write("broken.json", '{"a": 1,\n"b": [}');
  driver.write("empty.yml", "");
  driver.write("note.yml", "# nothing\n");
  const report = await validatePaths([driver.directory]);
  const shown = report.problems.map(
    (one) => `${one.where.slice(driver.directory.length + 1)}  ${formatFault(one)}`,
  );
  expect(shown).toEqual([
    "broken.json:2  } closes the [ of line 2",
    "empty.yml:1  file is empty",
    `nodes.yaml:18  Node "birch"  spec.vxlanMode: no such field; did you mean the IPPool's?`,
    `pools.yaml:7  IPPool "green"  spec.cidr "10.77.0.0/33": prefix length 33 is over 32`,
    `pools.yaml:8  IPPool "green"  spec.vxlanMode "Alway": not one of Never, Always, CrossSubnet; did you mean Always?`,
    `z.json:2  Node "alder"  also in ${driver.path("nodes.yaml")}:4; remove one of them`,
    `z.json:4  Node "cedar"  spec.bgp.ipv4Address true: must be a string, not a boolean`,
  ]);
  expect(report).toMatchObject({ files: 6, fine: 2 });
});

test("validatePaths says of what is fine that it is", async () => {
  await using driver = new FileDriver();
  const block =
    '{"apiVersion":"projectcalico.org/v3","kind":"IPAMBlock","spec":{"cidr":"10.0.0.0/26"}}';
  driver.write("block.json", block);
  expect(await validatePaths([driver.path("block.json"), driver.directory])).toEqual({
    problems: [],
    files: 1,
    fine: 1,
  });
});

test("validatePaths names paths that are not there, and directories without files", async () => {
  await using driver = new FileDriver();
  const missing = driver.path("missing");
  const { problems } = await validatePaths([missing, driver.directory]);
  expect(problems.map(({ where, reason }) => [where, reason])).toEqual([
    [driver.directory, "no .yaml or .json file in this directory"],
    [missing, "no such file or directory"],
  ]);
});

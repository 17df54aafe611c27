import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FileDatastore } from "../../../../src/datastore/file.ts";
import { FileRecordStore } from "../../../../src/datastore/file-records/record-store.ts";
import type {
  RecordKind,
  RecordStore,
  RecordValue,
} from "../../../../src/datastore/record-store.ts";
import {
  type RecordStoreDriver,
  recordStoreCases,
  samples,
} from "../../../conformance/record-store.cases.ts";
import { StoreFollower } from "../../../conformance/store-follower.ts";

class Driver implements RecordStoreDriver {
  readonly #top = mkdtempSync(join(tmpdir(), "causeway-records-"));
  readonly directory = join(this.#top, "cluster");
  readonly #open: RecordStore[] = [];
  readonly store: RecordStore;

  /** @param files what stands there before, by name */
  constructor(files: Readonly<Record<string, string>> = {}) {
    mkdirSync(this.directory);
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    this.store = this.open();
  }

  open = (): RecordStore => {
    const store = new FileRecordStore(this.directory);
    this.#open.push(store);
    return store;
  };

  /** As somebody does with an editor, in place. */
  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  read(name: string): string {
    return readFileSync(join(this.directory, name), "utf8");
  }

  get names(): string[] {
    return readdirSync(this.directory).filter((name) => name !== ".causeway.lock");
  }

  async change(
    kind: RecordKind,
    name: string,
    edit: (value: RecordValue) => RecordValue,
  ): Promise<void> {
    const read = await this.store.get(kind, name);
    if (read === undefined) throw new Error(`no ${kind} ${name}`);
    await this.store.update(edit(read.value), read.revision);
  }

  async remove(kind: RecordKind, name: string): Promise<void> {
    const read = await this.store.get(kind, name);
    await this.store.delete(kind, name, read?.revision ?? "");
  }

  disappear = async (): Promise<void> => renameSync(this.directory, `${this.directory}.away`);

  comeBack = async (): Promise<void> => renameSync(`${this.directory}.away`, this.directory);

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#open) await store.close();
    rmSync(this.#top, { recursive: true });
  }
}

const withSpec =
  (fields: Record<string, unknown>) =>
  (value: RecordValue): RecordValue => ({ ...value, spec: { ...value.spec, ...fields } });

const handWritten = `# The cluster's pools.
---
# Everybody's.
apiVersion: projectcalico.org/v3   # as ever
kind: IPPool
metadata: {name: green}
spec:
    cidr: 10.77.0.0/16      # ours since 2019
    vxlanMode: "Always"

    allowedUses:
        - Workload   # pods
        - Tunnel
---
# For the laboratory.
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: { name: red }
spec: { cidr: 10.78.0.0/16 }
`;

describe("records in files", () => {
  test.each(recordStoreCases)("$name", async ({ run }) => {
    await using driver = new Driver();
    await run(driver);
  });

  test("get a file each, named after kind and name, that holds them alone", async () => {
    await using driver = new Driver();
    for (const sample of samples) await driver.store.create(sample);
    expect(driver.names).toEqual([
      "blockaffinity-alder-10-77-3-64-26.yaml",
      "blockaffinity-node-ba-d-fd77--40-122.yaml",
      "felixconfiguration-default.yaml",
      "ipamblock-10-77-3-64-26.yaml",
      "ipamblock-fd77--40-122.yaml",
      "ipamconfig-default.yaml",
      "ipamhandle-vxlan-tunnel-addr-alder.yaml",
      "ippool-green.yaml",
      "node-alder.yaml",
    ]);
    expect(driver.read("ipamblock-10-77-3-64-26.yaml")).toContain(
      "\n  allocations: [ 0, null, 1 ]\n",
    );
  });

  test("of one name do not share a file with what stands there already", async () => {
    await using driver = new Driver({ "ippool-green.yaml": "# nothing yet\n" });
    await driver.store.create(samples[0] as RecordValue);
    expect(driver.names).toEqual(["ippool-green-2.yaml", "ippool-green.yaml"]);
  });

  test("with names that no file can have get one all the same", async () => {
    await using driver = new Driver();
    for (const handleID of ["../a/b", `k8s-pod-network.${"c".repeat(400)}`]) {
      const value = { ...(samples[7] as RecordValue), metadata: { name: handleID } };
      const record = { ...value, spec: { ...value.spec, handleID } };
      await driver.store.create(record);
      expect((await driver.store.get("IPAMHandle", handleID))?.value).toEqual(record);
    }
    expect(driver.names).toHaveLength(2);
  });
});

describe("what was written by hand", () => {
  test("stays byte for byte where one value changes", async () => {
    await using driver = new Driver({ "pools.yaml": handWritten });
    await driver.change("IPPool", "green", withSpec({ vxlanMode: "CrossSubnet" }));
    await driver.change("IPPool", "red", withSpec({ cidr: "10.79.0.0/16" }));
    expect(driver.read("pools.yaml")).toBe(
      handWritten.replace('"Always"', '"CrossSubnet"').replace("10.78", "10.79"),
    );
  });

  test("keeps its comments and its order where fields come and go", async () => {
    await using driver = new Driver({ "pools.yaml": handWritten });
    await driver.change("IPPool", "green", ({ spec: { vxlanMode: _, ...spec }, ...rest }) => ({
      ...rest,
      spec: { ...spec, ipipMode: "Always", allowedUses: ["Workload"] },
    }));
    expect(driver.read("pools.yaml")).toBe(
      handWritten
        .replace('    vxlanMode: "Always"\n', "")
        .replace(/ +- Workload.*\n +- Tunnel\n/, "        - Workload\n    ipipMode: Always\n"),
    );
  });

  test("loses one record with its comments, and the file with the last", async () => {
    await using driver = new Driver({ "pools.yaml": handWritten });
    await driver.remove("IPPool", "green");
    expect(driver.read("pools.yaml")).toBe(
      `# The cluster's pools.\n${handWritten.slice(handWritten.indexOf("---\n# For the"))}`,
    );
    await driver.remove("IPPool", "red");
    expect(driver.names).toEqual([]);
  });

  test("may be a list, in which the other items stay as they are", async () => {
    const list = `apiVersion: projectcalico.org/v3
kind: IPPoolList
items:
  # first
  - metadata: {name: green}
    spec: {cidr: 10.77.0.0/16}   # one
  # second
  - metadata:
      name: red
    spec:
      cidr: 10.78.0.0/16
  # third
  - {metadata: {name: blue}, spec: {cidr: 10.79.0.0/16}}
`;
    await using driver = new Driver({ "pools.yaml": list });
    await driver.change("IPPool", "red", withSpec({ blockSize: 28 }));
    const changed = list.replace("10.78.0.0/16\n", "10.78.0.0/16\n      blockSize: 28\n");
    expect(driver.read("pools.yaml")).toBe(changed);
    await driver.remove("IPPool", "red");
    expect(driver.read("pools.yaml")).toBe(list.replace(/ {2}# second.*(?= {2}# third)/s, ""));
    expect((await driver.store.list("IPPool")).map(({ value }) => value.metadata.name)).toEqual([
      "blue",
      "green",
    ]);
  });

  test.each([
    ["one line a record", ["", " "], (one: object) => JSON.stringify(one)],
    ["indented", ["\n", "\n"], (one: object) => JSON.stringify(one, undefined, 4)],
  ])("may be JSON, %s", async (_, [lead], print) => {
    const pool = (name: string, cidr: string): object => ({
      apiVersion: "projectcalico.org/v3",
      kind: "IPPool",
      metadata: { name },
      spec: { cidr },
    });
    const red = print(pool("red", "10.78.0.0/16"));
    const green = print(pool("green", "10.77.0.0/16"));
    const list = {
      kind: "List",
      apiVersion: "v1",
      items: [pool("blue", "10.79.0.0/16"), pool("tan", "10.80.0.0/16")],
    };
    await using driver = new Driver({ "a.json": `${red}${lead}${green}\n`, "b.json": print(list) });
    await driver.change("IPPool", "green", withSpec({ blockSize: 28 }));
    await driver.change("IPPool", "tan", withSpec({ cidr: "10.81.0.0/16" }));
    expect(driver.read("a.json")).toBe(
      `${red}${lead}${print({ ...pool("green", ""), spec: { cidr: "10.77.0.0/16", blockSize: 28 } })}\n`,
    );
    expect(driver.read("b.json")).toBe(print(list).replace("10.80", "10.81"));
    await driver.remove("IPPool", "red");
    await driver.remove("IPPool", "tan");
    expect(JSON.parse(driver.read("a.json"))).toMatchObject({ metadata: { name: "green" } });
    expect(JSON.parse(driver.read("b.json"))).toMatchObject({
      items: [{ metadata: { name: "blue" } }],
    });
    expect((await driver.store.list("IPPool")).map(({ value }) => value.metadata.name)).toEqual([
      "blue",
      "green",
    ]);
  });

  test("may be a core Node, of which nothing is written but annotations", async () => {
    const core = `apiVersion: v1
kind: Node
metadata: { name: alder, labels: { zone: b } }
spec: { podCIDR: 10.99.1.0/24, podCIDRs: [10.99.1.0/24] }
status: { addresses: [{ type: InternalIP, address: 192.0.2.11 }] }
`;
    await using driver = new Driver({ "nodes.yaml": core });
    expect(await driver.store.get("Node", "alder")).toBeUndefined();
    const spec = { bgp: { ipv4Address: "192.0.2.11/24" } };
    await driver.store.create({ ...(samples[1] as RecordValue), spec });
    expect(driver.read("nodes.yaml")).toContain("projectcalico.org/IPv4Address: 192.0.2.11/24");
    expect((await driver.store.get("Node", "alder"))?.value.spec).toMatchObject(spec);
    await driver.remove("Node", "alder");
    expect(await driver.store.get("Node", "alder")).toBeUndefined();
    expect(driver.read("nodes.yaml")).toBe(core);
  });

  test("may be in the form of custom resources, and stays so", async () => {
    const text = `apiVersion: crd.projectcalico.org/v1
kind: BlockAffinity
metadata: { name: alder-10-77-3-64-26 }
spec: { state: confirmed, node: alder, type: host, cidr: 10.77.3.64/26, deleted: "false" }
`;
    await using driver = new Driver({ "a.yaml": text });
    expect((await driver.store.get("BlockAffinity", "alder-10-77-3-64-26"))?.value).toMatchObject({
      apiVersion: "projectcalico.org/v3",
      spec: { deleted: false },
    });
    await driver.change("BlockAffinity", "alder-10-77-3-64-26", withSpec({ state: "pending" }));
    expect(driver.read("a.yaml")).toBe(text.replace("confirmed", "pending"));
  });

  test("names blocks as it likes: they are known by their prefix", async () => {
    const text = `apiVersion: projectcalico.org/v3
kind: IPAMBlock
metadata: { name: alder }
spec: { cidr: 10.244.0.0/26, affinity: "host:alder" }
`;
    await using driver = new Driver({ "blocks.yaml": text });
    const block = { ...(samples[3] as RecordValue), metadata: { name: "10-244-0-0-26" } };
    await expect(driver.store.create(block)).rejects.toMatchObject({ code: "conflict" });
    await driver.change("IPAMBlock", "10-244-0-0-26", withSpec({ affinity: "host:birch" }));
    expect(driver.read("blocks.yaml")).toBe(text.replace("host:alder", "host:birch"));
  });

  test("may be there twice: the first is in force, and both go together", async () => {
    const red =
      "---\napiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: red }\nspec: { cidr: 10.1.0.0/16 }\n";
    await using driver = new Driver({ "a.yaml": red, "b.yaml": red.replace("10.1", "10.2") + red });
    expect((await driver.store.get("IPPool", "red"))?.value.spec).toEqual({ cidr: "10.1.0.0/16" });
    await driver.remove("IPPool", "red");
    expect(driver.names).toEqual([]);
  });

  test("changed meanwhile is a conflict, and nothing of the change is lost", async () => {
    await using driver = new Driver({ "pools.yaml": handWritten });
    const read = await driver.store.get("IPPool", "green");
    const edited = handWritten.replace("ours since 2019", "ours since 2020");
    driver.write("pools.yaml", edited);
    const value = read?.value as RecordValue;
    const update = driver.store.update(withSpec({ blockSize: 27 })(value), read?.revision ?? "");
    await expect(update).rejects.toMatchObject({ code: "conflict" });
    expect(driver.read("pools.yaml")).toBe(edited);
  });

  test("and cannot be read may be the record: it is not made a second time", async () => {
    const broken = "kind: IPPool\nmetadata: { name: green\nspec: [\n";
    await using driver = new Driver({ "pools.yaml": broken });
    const code = "bad-resource";
    await expect(driver.store.create(samples[0] as RecordValue)).rejects.toMatchObject({ code });
    await expect(driver.store.get("IPPool", "green")).rejects.toMatchObject({
      code,
      message: expect.stringMatching(/pools\.yaml:\d+, which cannot be read: not YAML/),
    });
    expect(await driver.store.get("IPPool", "red")).toBeUndefined();
    expect(driver.read("pools.yaml")).toBe(broken);
  });

  test("and cannot be changed without harm is left as it is", async () => {
    const red =
      "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: red }\nspec: { cidr: 10.1.0.0/16 }\n";
    const several = `%YAML 1.2\n---\n${red}---\n${red.replace("red", "tan")}`;
    await using driver = new Driver({ "pools.yaml": several });
    expect((await driver.store.list("IPPool")).map(({ value }) => value.metadata.name)).toEqual([
      "red",
      "tan",
    ]);
    const refusal = {
      code: "bad-resource",
      message: expect.stringMatching(/pools\.yaml:1 cannot/),
    };
    const change = driver.change("IPPool", "tan", withSpec({ blockSize: 28 }));
    await expect(change).rejects.toMatchObject(refusal);
    for (const name of ["red", "tan"]) {
      await expect(driver.remove("IPPool", name)).rejects.toMatchObject(refusal);
    }
    expect(driver.read("pools.yaml")).toBe(several);
  });

  test("and what a writer that was killed left behind is not in the way", async () => {
    await using driver = new Driver({ ".ippool-green.yaml.causeway": "apiVersion: [half" });
    await driver.store.create(samples[0] as RecordValue);
    expect(driver.names).toEqual(["ippool-green.yaml"]);
  });

  test("keeps its mode", async () => {
    await using driver = new Driver({ "pools.yaml": handWritten });
    const path = join(driver.directory, "pools.yaml");
    const { chmodSync } = await import("node:fs");
    chmodSync(path, 0o600);
    await driver.change("IPPool", "green", withSpec({ blockSize: 27 }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(join(driver.directory, ".pools.yaml.causeway"))).toBe(false);
  });
});

test("who follows the directory sees each write as one change, and nothing wrong in between", async () => {
  await using driver = new Driver({ "pools.yaml": handWritten });
  await using follower = new StoreFollower(
    new FileDatastore(driver.directory, { timings: { quiet: 5, vanishQuiet: 50 } }),
  );
  await follower.until(({ resources }) => resources.size === 2);
  await driver.store.create(samples[1] as RecordValue);
  await follower.until(({ keys }) => keys.includes("Node/alder"));
  for (let size = 20; size < 30; size++) {
    await driver.change("IPPool", "green", withSpec({ cidr: `10.77.0.0/${size}` }));
    await follower.until(({ resources }) =>
      [...resources.values()].some(({ kind, ...one }) => {
        return kind === "IPPool" && `${Reflect.get(one, "cidr")}` === `10.77.0.0/${size}`;
      }),
    );
  }
  await driver.remove("IPPool", "red");
  await driver.remove("Node", "alder");
  await follower.until(({ resources }) => resources.size === 1);
  for (const { faults, condition } of follower.batches) {
    expect(faults).toEqual([]);
    expect(condition.state).toBe("ok");
  }
});

test("writers in several stores each have their turn, and readers see what was written", async () => {
  await using driver = new Driver();
  const settings = samples[2] as RecordValue;
  await driver.store.create({ ...settings, spec: { count: 0 } });
  const add = async (store: RecordStore): Promise<void> => {
    for (let done = 0; done < 10; ) {
      const read = await store.get("FelixConfiguration", "default");
      const count = Number(read?.value.spec["count"]) + 1;
      const next = { ...(read?.value as RecordValue), spec: { count } };
      const written = await store.update(next, read?.revision ?? "").catch((error) => {
        if (error.code !== "conflict") throw error;
      });
      if (written !== undefined) done++;
    }
  };
  await Promise.all([driver.open(), driver.open(), driver.open()].map(add));
  expect((await driver.store.get("FelixConfiguration", "default"))?.value.spec).toEqual({
    count: 30,
  });
});

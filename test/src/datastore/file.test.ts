/** What is special about files: how they are replaced, broken, emptied, moved and written in pieces. */
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { SnapshotFile } from "../../../src/datastore/snapshot-file.ts";
import {
  blockManifest,
  type Manifest,
  nodeManifest,
  poolManifest,
} from "../../conformance/manifests.ts";
import { StoreFollower } from "../../conformance/store-follower.ts";
import { FileDriver, shortTimings } from "./file-driver.ts";

const pool = poolManifest("green", "10.77.0.0/16", { vxlanMode: "Always" });
const poolSpec = { cidr: "10.77.0.0/16", vxlanMode: "Always" };
const alder = nodeManifest("alder", "192.0.2.11");
const birch = nodeManifest("birch", "192.0.2.12");
const cedar = nodeManifest("cedar", "192.0.2.13");

function yaml(...manifests: Manifest[]): string {
  return manifests.map((manifest) => stringify(manifest)).join("---\n");
}

function list(...items: Manifest[]): string {
  return JSON.stringify({ apiVersion: "v1", kind: "List", items }, undefined, 1);
}

async function follow(driver: FileDriver): Promise<StoreFollower> {
  const store = new StoreFollower(driver.open());
  await store.until(({ last }) => last !== undefined);
  return store;
}

test("FileDatastore reads all three extensions, folders below, lists and many documents", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("below/it/b.yml", stringify({ apiVersion: "v1", kind: "List", items: [birch] }));
  driver.write("c.json", list(cedar));
  driver.write("notes.txt", "not ours");
  driver.write(".hidden.yaml", "also: not");
  await using store = await follow(driver);
  expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch", "Node/cedar"]);
  expect(store.faults).toEqual([]);
});

test("FileDatastore sees files in a folder made later", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool));
  await using store = await follow(driver);
  driver.write("new/folder/b.yaml", yaml(alder));
  await store.until(({ resources }) => resources.has("Node/alder"));
  driver.write("new/folder/b.yaml", yaml(birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
});

test("FileDatastore takes a file replaced by rename at once, removals included", async () => {
  await using driver = new FileDriver();
  driver.write("all.yaml", yaml(pool, alder, birch));
  const options = { timings: { inPlaceQuiet: 60_000, vanishQuiet: 60_000 } };
  await using store = new StoreFollower(driver.open(options));
  await store.until(({ last }) => last?.inSync === true);
  driver.write("all.yaml", yaml(pool, birch));
  await store.until(({ resources }) => !resources.has("Node/alder"));
  expect(store.keys).toEqual(["IPPool/green", "Node/birch"]);
});

test.each(["yaml", "json"])(
  "FileDatastore never acts on half of a %s written in place",
  async (type) => {
    await using driver = new FileDriver();
    const name = `all.${type}`;
    const text = type === "yaml" ? yaml : list;
    driver.write(name, text(pool, alder, birch));
    await using store = await follow(driver);
    const next = text(nodeManifest("alder", "192.0.2.99"), pool, birch, cedar);
    const half = Math.floor(next.length / 2);
    writeFileSync(driver.path(name), next.slice(0, half));
    await sleep(shortTimings.inPlaceQuiet / 3);
    appendFileSync(driver.path(name), next.slice(half));
    await store.until(({ resources }) => resources.has("Node/cedar"));
    expect(store.batches).toHaveLength(2);
    expect(store.keys).toHaveLength(4);
    expect(store.batches.flatMap(({ faults }) => faults)).toEqual([]);
  },
);

test("FileDatastore takes a removal in place once nothing more is written", async () => {
  await using driver = new FileDriver();
  driver.write("all.json", list(pool, alder, birch));
  await using store = await follow(driver);
  writeFileSync(driver.path("all.json"), list(pool, birch));
  await store.until(({ resources }) => !resources.has("Node/alder"));
  expect(store.keys).toEqual(["IPPool/green", "Node/birch"]);
});

test("FileDatastore takes a change in place without delay where nothing is missing", async () => {
  await using driver = new FileDriver();
  driver.write("all.yaml", yaml(pool, alder));
  await using store = new StoreFollower(driver.open({ timings: { inPlaceQuiet: 60_000 } }));
  await store.until(({ last }) => last?.inSync === true);
  writeFileSync(driver.path("all.yaml"), yaml(pool, nodeManifest("alder", "192.0.2.98"), birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
  expect(JSON.stringify(store.resources.get("Node/alder"))).toContain("192.0.2.98");
});

test("FileDatastore does not take the beginning of the last resource for the whole", async () => {
  await using driver = new FileDriver();
  driver.write("pool.yaml", yaml(pool));
  driver.write("node.yaml", yaml(alder));
  await using store = await follow(driver);
  // Without its last line the pool has no mode, and without half of that one another prefix.
  const text = yaml({ ...pool, spec: { natOutgoing: true, ...poolSpec } });
  for (const end of [text.indexOf("  vxlanMode"), text.indexOf("/16") + 2]) {
    writeFileSync(driver.path("pool.yaml"), text.slice(0, end));
    await sleep(shortTimings.inPlaceQuiet / 3);
  }
  writeFileSync(driver.path("pool.yaml"), text);
  await store.until(({ batches }) => batches.length === 2);
  expect(store.resources.get("IPPool/green")).toMatchObject({ mode: "Always", natOutgoing: true });
});

test("FileDatastore holds a vanished file's resources, then removes exactly these", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.yaml", yaml(birch, cedar));
  await using store = await follow(driver);
  unlinkSync(driver.path("b.yaml"));
  await store.until(({ keys }) => keys.length === 2);
  expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  expect(store.batches).toHaveLength(2);
  expect(store.last).toMatchObject({ condition: { state: "ok" }, faults: [] });
});

test("FileDatastore does not notice an editor that deletes a file and makes it again", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.yaml", yaml(birch));
  await using store = await follow(driver);
  unlinkSync(driver.path("a.yaml"));
  await sleep(shortTimings.vanishQuiet / 3);
  writeFileSync(driver.path("a.yaml"), yaml(pool, alder));
  driver.write("z.yaml", yaml(cedar));
  await store.until(({ resources }) => resources.has("Node/cedar"));
  expect(store.batches.slice(1).flatMap(({ changes }) => changes)).toHaveLength(1);
});

test("FileDatastore follows vim, which moves the old file away and writes a new one", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.yaml", yaml(birch));
  await using store = await follow(driver);
  const path = driver.path("a.yaml");
  writeFileSync(driver.path("4913"), "");
  unlinkSync(driver.path("4913"));
  renameSync(path, `${path}~`);
  writeFileSync(path, yaml(pool, alder, cedar));
  unlinkSync(`${path}~`);
  await store.until(({ resources }) => resources.has("Node/cedar"));
  expect(store.batches.flatMap(({ changes }) => changes)).toHaveLength(4);
});

test("FileDatastore follows a rename of a file without a change", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  await using store = await follow(driver);
  renameSync(driver.path("a.yaml"), driver.path("b.yaml"));
  driver.write("c.yaml", yaml(birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
  await sleep(shortTimings.vanishQuiet * 2);
  driver.write("d.yaml", yaml(cedar));
  await store.until(({ resources }) => resources.has("Node/cedar"));
  expect(store.batches.flatMap(({ changes }) => changes)).toHaveLength(4);
  expect(store.faults).toEqual([]);
});

test("FileDatastore lets a resource move to another file with a change, without a gap", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("c.yaml", yaml(birch));
  await using store = await follow(driver);
  unlinkSync(driver.path("a.yaml"));
  driver.write("b.yaml", yaml(pool, nodeManifest("alder", "192.0.2.97")));
  await store.until(({ batches }) => batches.length === 2);
  expect(JSON.stringify(store.resources.get("Node/alder"))).toContain("192.0.2.97");
  expect(store.last?.changes).toHaveLength(1);
  expect(store.faults).toEqual([]);
});

test.each([
  ["no bytes", "", "file is empty"],
  ["blanks", "  \n\n", "file is empty"],
  ["comments only", "# nothing here\n---\n# nor here\n", "file has comments only"],
])("FileDatastore keeps the last good version of a file with %s", async (_, text, reason) => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.yaml", yaml(birch));
  await using store = await follow(driver);
  driver.write("a.yaml", text);
  await store.until(({ faults }) => faults.length > 0);
  expect(store.keys).toHaveLength(3);
  expect(store.faults).toEqual([
    {
      where: "a.yaml:1",
      reason: `${reason}; delete the file to remove its 2 resources`,
      severity: "error",
      keptLastGood: true,
    },
  ]);
  expect(store.last).toMatchObject({ complete: true, condition: { state: "incomplete" } });
  unlinkSync(driver.path("a.yaml"));
  await store.until(({ keys }) => keys.length === 1);
  expect(store.faults).toEqual([]);
});

test("FileDatastore takes a list without items for what it says", async () => {
  await using driver = new FileDriver();
  driver.write("a.json", list(pool, alder));
  driver.write("b.yaml", yaml(birch));
  await using store = await follow(driver);
  driver.write("a.json", list());
  await store.until(({ keys }) => keys.length === 1);
  expect(store.last).toMatchObject({ condition: { state: "ok" }, faults: [] });
});

test.each([
  ["json", '{"apiVersion":"v1","kind":"List","items":[{"kind"', "1"],
  ["json", "\u0000\u0001garbage", "1"],
  ["yaml", "a: [1, 2\nb: 3\n", "2"],
])("FileDatastore keeps the last good version of a broken .%s file", async (type, text, line) => {
  await using driver = new FileDriver();
  const name = `a.${type}`;
  driver.write(name, type === "json" ? list(pool, alder) : yaml(pool, alder));
  driver.write("b.yaml", yaml(birch));
  await using store = await follow(driver);
  driver.write(name, text);
  await store.until(({ faults }) => faults.length > 0);
  expect(store.keys).toHaveLength(3);
  expect(store.faults[0]).toMatchObject({ where: `${name}:${line}`, keptLastGood: true });
  expect(store.last?.condition).toMatchObject({
    state: "incomplete",
    reason: expect.stringMatching(`^${name}: .*; its last good version is in force$`),
  });
  driver.write(name, type === "json" ? list(pool) : yaml(pool));
  await store.until(({ keys }) => keys.length === 2);
  expect(store.faults).toEqual([]);
});

test("FileDatastore removes nothing of a file in which one document cannot be parsed", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder, birch));
  await using store = await follow(driver);
  driver.write("a.yaml", `${yaml(pool)}---\nkind: Node\n\tbad: true\n---\n${yaml(cedar)}`);
  await store.until(({ resources }) => resources.has("Node/cedar"));
  expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch", "Node/cedar"]);
  expect(store.faults).toMatchObject([{ keptLastGood: true, severity: "error" }]);
  driver.write("a.yaml", yaml(pool, cedar));
  await store.until(({ keys }) => keys.length === 2);
});

test("FileDatastore removes others where a refused resource can be told", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder, birch));
  await using store = await follow(driver);
  driver.write("a.yaml", yaml(pool, nodeManifest("alder", "192.0.2.300")));
  await store.until(({ resources }) => !resources.has("Node/birch"));
  expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  expect(store.faults).toMatchObject([{ what: 'Node "alder"', keptLastGood: true }]);
});

test("FileDatastore removes nothing where a refused resource's name or kind cannot be told", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder, birch));
  await using store = await follow(driver);
  driver.write("a.yaml", yaml(pool, { ...alder, kind: "Nod" }));
  await store.until(({ faults }) => faults.length > 0);
  expect(store.keys).toHaveLength(3);
});

test("FileDatastore removes nothing when its files are gone, emptied or filled with garbage", async () => {
  for (const ruin of [
    (driver: FileDriver) => driver.empty(),
    async (driver: FileDriver) => rmSync(driver.directory, { recursive: true }),
    async (driver: FileDriver) => {
      for (const name of ["a.yaml", "b.json"]) truncateSync(driver.path(name));
    },
    async (driver: FileDriver) => {
      for (const name of ["a.yaml", "b.json"]) driver.write(name, "}{ %&");
    },
    async (driver: FileDriver) => {
      for (const name of ["a.yaml", "b.json"]) driver.write(name, list());
    },
  ]) {
    await using driver = new FileDriver();
    driver.write("a.yaml", yaml(pool, alder));
    driver.write("b.json", list(birch, cedar));
    await using store = await follow(driver);
    await ruin(driver);
    await store.until(({ state }) => state !== "ok");
    await sleep(shortTimings.vanishQuiet * 2);
    expect(store.keys).toHaveLength(4);
    expect(store.last?.condition.state).not.toBe("ok");
    mkdirSync(driver.directory, { recursive: true });
    driver.write("a.yaml", yaml(pool, alder));
    driver.write("b.json", list(birch));
    await store.until(({ keys, state }) => state === "ok" && keys.length === 3);
  }
});

test("FileDatastore removes what is still missing some time after the directory came back", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool));
  driver.write("b.yaml", yaml(alder));
  driver.write("c.yaml", yaml(birch));
  await using store = await follow(driver);
  rmSync(driver.directory, { recursive: true });
  await store.until(({ state }) => state === "unreachable");
  driver.write("a.yaml", yaml(pool));
  await sleep(shortTimings.vanishQuiet / 3);
  driver.write("b.yaml", yaml(alder));
  await store.until(({ keys }) => keys.length === 2);
  expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
});

test("FileDatastore watches a directory that was deleted and made again in one go", async () => {
  await using driver = new FileDriver();
  driver.write("below/a.yaml", yaml(pool, alder));
  await using store = await follow(driver);
  for (const manifest of [birch, cedar]) {
    rmSync(driver.directory, { recursive: true });
    mkdirSync(driver.directory);
    driver.write("below/a.yaml", yaml(pool, manifest));
    await store.until(({ resources }) => resources.has(`Node/${manifest.metadata.name}`));
    driver.write("below/a.yaml", yaml(pool, manifest, alder));
    await store.until(({ resources }) => resources.has("Node/alder"));
  }
});

test("FileDatastore goes on from the snapshot when its directory is empty at a restart", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  const written = new SnapshotFile(driver.runDir);
  {
    await using store = new StoreFollower(driver.open({ snapshot: written }));
    await store.until(({ last }) => last?.inSync === true);
  }
  await written.flush();
  await driver.empty();
  await using store = new StoreFollower(driver.open({ snapshot: new SnapshotFile(driver.runDir) }));
  await store.until(({ last }) => last !== undefined);
  expect(store.keys).toEqual(["IPPool/green", "Node/alder"]);
  expect(store.last).toMatchObject({
    inSync: true,
    complete: false,
    condition: { state: "empty", reason: expect.stringContaining("the snapshot of 2") },
  });
  await sleep(shortTimings.vanishQuiet * 2);
  expect(store.keys).toHaveLength(2);
  driver.write("a.yaml", yaml(pool));
  await store.until(({ keys, state }) => keys.length === 1 && state === "ok");
  expect(store.last?.complete).toBe(true);
});

test("FileDatastore starts before its directory exists", async () => {
  await using driver = new FileDriver();
  rmSync(driver.directory, { recursive: true });
  await using store = await follow(driver);
  expect(store.last).toMatchObject({ inSync: false, condition: { state: "unreachable" } });
  driver.write("a.yaml", yaml(alder));
  await store.until(({ last }) => last?.inSync === true);
  driver.write("b.yaml", yaml(birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
});

test("FileDatastore follows a link to a directory that is swapped", async () => {
  await using driver = new FileDriver();
  const versions = `${driver.directory}.versions`;
  for (const [version, manifests] of [
    ["1", [pool, alder]],
    ["2", [pool, birch]],
  ] as const) {
    mkdirSync(`${versions}/${version}`, { recursive: true });
    writeFileSync(`${versions}/${version}/all.yaml`, yaml(...manifests));
  }
  rmSync(driver.directory, { recursive: true });
  symlinkSync(`${versions}/1`, driver.directory);
  await using store = await follow(driver);
  symlinkSync(`${versions}/2`, `${driver.directory}.new`);
  renameSync(`${driver.directory}.new`, driver.directory);
  await store.until(({ resources }) => resources.has("Node/birch"));
  expect(store.keys).toEqual(["IPPool/green", "Node/birch"]);
  expect(store.batches).toHaveLength(2);
});

test("FileDatastore takes the swap of a ConfigMap volume as one change", async () => {
  await using driver = new FileDriver();
  const generation = (name: string, files: Record<string, string>): void => {
    mkdirSync(driver.path(name));
    for (const [file, text] of Object.entries(files)) {
      writeFileSync(driver.path(`${name}/${file}`), text);
    }
  };
  generation("..2026_1", { "pools.yaml": yaml(pool), "nodes.yaml": yaml(alder, birch) });
  symlinkSync("..2026_1", driver.path("..data"));
  for (const file of ["pools.yaml", "nodes.yaml"]) {
    symlinkSync(`..data/${file}`, driver.path(file));
  }
  await using store = await follow(driver);
  expect(store.keys).toEqual(["IPPool/green", "Node/alder", "Node/birch"]);
  generation("..2026_2", {
    "pools.yaml": yaml(poolManifest("green", "10.78.0.0/16")),
    "nodes.yaml": yaml(alder, cedar),
    "more.yaml": yaml(blockManifest("10.78.0.0/26", "alder")),
  });
  symlinkSync("..2026_2", driver.path("..data_tmp"));
  renameSync(driver.path("..data_tmp"), driver.path("..data"));
  symlinkSync("..data/more.yaml", driver.path("more.yaml"));
  rmSync(driver.path("..2026_1"), { recursive: true });
  await store.until(({ batches }) => batches.length === 2);
  expect(store.keys).toEqual([
    "IPAMBlock/10-78-0-0-26",
    "IPPool/green",
    "Node/alder",
    "Node/cedar",
  ]);
  expect(store.faults).toEqual([]);
});

test("FileDatastore lets the first file by path win, and the other take over when it goes", async () => {
  await using driver = new FileDriver();
  driver.write("b.yaml", yaml(alder));
  await using store = await follow(driver);
  driver.write("c.yaml", yaml(pool, nodeManifest("alder", "192.0.2.22")));
  await store.until(({ faults }) => faults.length > 0);
  expect(store.faults).toEqual([
    {
      where: "c.yaml:9",
      what: 'Node "alder"',
      reason: "also in b.yaml:1, which is in force; remove one of them",
      severity: "error",
      keptLastGood: true,
    },
  ]);
  expect(JSON.stringify(store.resources.get("Node/alder"))).toContain("192.0.2.11");
  driver.write("a.yaml", yaml(nodeManifest("alder", "192.0.2.33")));
  await store.until(({ faults }) => faults.length === 2);
  expect(JSON.stringify(store.resources.get("Node/alder"))).toContain("192.0.2.33");
  unlinkSync(driver.path("a.yaml"));
  unlinkSync(driver.path("b.yaml"));
  await store.until(({ faults }) => faults.length === 0);
  expect(JSON.stringify(store.resources.get("Node/alder"))).toContain("192.0.2.22");
});

test("FileDatastore says that it is incomplete when a file is broken from the start", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.json", list(birch).slice(0, -5));
  await using store = await follow(driver);
  expect(store.last).toMatchObject({
    inSync: true,
    complete: false,
    condition: { state: "incomplete" },
  });
  driver.write("b.json", list(birch));
  await store.until(({ last }) => last?.complete === true);
  expect(store.state).toBe("ok");
});

test("FileDatastore has the last good version of a broken file from the snapshot", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  driver.write("b.json", list(birch, cedar));
  driver.write("c.yaml", yaml(blockManifest("10.77.1.0/26", "alder")));
  const written = new SnapshotFile(driver.runDir);
  {
    await using store = new StoreFollower(driver.open({ snapshot: written }));
    await store.until(({ last }) => last?.inSync === true);
  }
  await written.flush();
  driver.write("a.yaml", yaml(poolManifest("green", "10.77.0.0/99"), alder));
  driver.write("b.json", list(birch, cedar).slice(0, -5));
  unlinkSync(driver.path("c.yaml"));
  await using store = new StoreFollower(driver.open({ snapshot: new SnapshotFile(driver.runDir) }));
  await store.until(({ last }) => last?.inSync === true);
  expect(store.last?.complete).toBe(true);
  expect(store.keys).toHaveLength(5);
  expect(store.faults).toMatchObject([
    { what: 'IPPool "green"', keptLastGood: true },
    { where: expect.stringMatching(/^b\.json:/), keptLastGood: true },
  ]);
  await store.until(({ keys }) => keys.length === 4);
  expect(store.keys).not.toContain("IPAMBlock/10-77-1-0-26");
});

test("FileDatastore reports a path that is no regular file", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool));
  symlinkSync("/dev/null", driver.path("b.yaml"));
  await using store = await follow(driver);
  expect(store.faults).toMatchObject([
    { where: "b.yaml", reason: expect.stringContaining("not a regular file") },
  ]);
  expect(store.last?.complete).toBe(false);
});

test("FileDatastore keeps what it can no longer read", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool));
  driver.write("b.yaml", yaml(alder));
  await using store = await follow(driver);
  // A link to itself cannot be opened, not even by root.
  symlinkSync("b.yaml", driver.path("b.link"));
  renameSync(driver.path("b.link"), driver.path("b.yaml"));
  await store.until(({ faults }) => faults.length > 0);
  expect(store.keys).toHaveLength(2);
  expect(store.faults).toMatchObject([
    { where: "b.yaml", reason: expect.stringContaining("cannot be read (ELOOP)") },
  ]);
  expect(store.last).toMatchObject({ complete: true, condition: { state: "incomplete" } });
});

test("FileDatastore reads everything again when it is asked to", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(pool, alder));
  await using store = await follow(driver);
  store.datastore.resync({ acceptEmpty: false });
  driver.write("b.yaml", yaml(birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
  expect(store.batches.flatMap(({ changes }) => changes)).toHaveLength(3);
});

test("FileDatastore does not report a change that changes nothing", async () => {
  await using driver = new FileDriver();
  driver.write("a.yaml", yaml(blockManifest("10.77.1.0/26", "alder", { sequenceNumber: 1 })));
  await using store = await follow(driver);
  driver.write("a.yaml", yaml(blockManifest("10.77.1.0/26", "alder", { sequenceNumber: 2 })));
  await sleep(shortTimings.quiet * 3);
  driver.write("b.yaml", yaml(birch));
  await store.until(({ resources }) => resources.has("Node/birch"));
  expect(store.batches).toHaveLength(2);
});

test("FileDatastore reads much YAML like little", async () => {
  await using driver = new FileDriver();
  const nodes = Array.from({ length: 600 }, (_, at) =>
    nodeManifest(`n${at}`, `10.9.${at >> 8}.${at & 255}`),
  );
  driver.write("list.yaml", stringify({ apiVersion: "v1", kind: "List", items: nodes }));
  driver.write(
    "stream.yaml",
    yaml(...nodes.map((one) => nodeManifest(`m${one.metadata.name}`, "10.8.0.1"))),
  );
  await using store = await follow(driver);
  expect(store.keys).toHaveLength(1200);
  expect(store.faults).toEqual([]);
});

test("FileDatastore loads ten thousand resources and finds the one that changed", async () => {
  await using driver = new FileDriver("json");
  const blocks = Array.from({ length: 10_000 }, (_, at) =>
    blockManifest(`10.${at >> 10}.${(at >> 2) & 255}.${(at & 3) << 6}/26`, `n${at % 100}`),
  );
  driver.write("blocks.json", list(...blocks));
  await using store = await follow(driver);
  expect(store.keys).toHaveLength(10_000);
  blocks[5_000] = blockManifest("10.4.226.0/26", "elsewhere");
  driver.write("blocks.json", list(...blocks));
  await store.until(({ batches }) => batches.length === 2);
  expect(store.last?.changes).toMatchObject([
    { kind: "IPAMBlock", name: "10-4-226-0-26", resource: { node: "elsewhere" } },
  ]);
});

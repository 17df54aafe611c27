import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RECORD_KINDS } from "../../../src/admin/record-kinds.ts";
import type { RecordValue } from "../../../src/datastore/record-store.ts";
import { samples } from "../../conformance/record-store.cases.ts";
import { type CommandResult, causeway } from "../../support/command-line.ts";
import { block, type LabStore, node, pool, RecordLab } from "../../support/record-lab.ts";

let lab: RecordLab;
beforeAll(() => {
  lab = new RecordLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

function migrate(from: LabStore, to: LabStore, ...flags: string[]): Promise<CommandResult> {
  return causeway(["migrate", from.url, to.url, ...flags, ...from.flags, ...to.flags]);
}

/** Everything that a store has, by kind and name: specs, labels and annotations. */
async function contentOf({ store }: LabStore): Promise<Record<string, unknown>> {
  const content: Record<string, unknown> = {};
  for (const kind of RECORD_KINDS) {
    for (const { value } of await store.list(kind)) {
      const { name, labels = {}, annotations = {} } = value.metadata;
      content[`${kind}/${name}`] = { spec: value.spec, labels, annotations };
    }
  }
  return content;
}

const annotations = { "causeway/machine": "abc" };

/** What every store can keep, fields that causeway has no use for among it. */
const everything: readonly RecordValue[] = [
  ...samples.filter(({ kind }) => kind !== "Node"),
  {
    ...node("alder", "192.0.2.11", { ipv4VXLANTunnelAddr: "10.77.3.64" }),
    metadata: { name: "alder", annotations },
  },
  node("birch", "192.0.2.12", { vxlanTunnelMACAddr: "66:01:02:03:04:05" }),
  { ...pool("red", "10.78.0.0/16"), metadata: { name: "red", labels: { team: "a" }, annotations } },
];

describe("causeway migrate", () => {
  test("takes everything through files, etcd, Kubernetes and back into files", async () => {
    const [from, etcd, cluster, to] = await Promise.all([
      lab.make("file"),
      lab.make("etcd"),
      lab.make("kubernetes"),
      lab.make("file"),
    ]);
    for (const one of everything) await from.store.create(one);
    for (const name of ["alder", "birch"]) cluster.addCoreNode(name);
    const total = everything.length;
    for (const [a, b] of [
      [from, etcd],
      [etcd, cluster],
      [cluster, to],
    ] as const) {
      const { code, stdout, stderr } = await migrate(a, b);
      expect(stdout.replaceAll("\n    ", " ")).toMatch(
        new RegExp(`^${total} records copied from .*; both were read again and say the same\n`),
      );
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
      const again = await migrate(a, b);
      expect(again.stdout).toMatch(/^0 records copied from /);
      expect(again.code).toBe(0);
    }
    const [before, after] = [await contentOf(from), await contentOf(to)];
    // What a cluster says of its nodes by itself came along.
    const orchRefs = (name: string) => [{ nodeName: name, orchestrator: "k8s" }];
    for (const name of ["alder", "birch"]) {
      expect(after[`Node/${name}`]).toMatchObject({ spec: { orchRefs: orchRefs(name) } });
      const { spec } = after[`Node/${name}`] as { spec: Record<string, unknown> };
      delete spec["orchRefs"];
      delete spec["addresses"];
    }
    // The schema of a block demands it.
    for (const one of Object.values(after))
      Reflect.deleteProperty(Object(one).spec, "strictAffinity");
    for (const one of Object.values(before))
      Reflect.deleteProperty(Object(one).spec, "strictAffinity");
    expect(after).toEqual(before);
  });

  test("--dry-run says what would be copied and writes nothing, not even a directory", async () => {
    const from = await lab.make("file");
    await from.put(pool("green", "10.77.0.0/16"), block("10.77.3.0/30", "alder"));
    const to = join(lab.directory, "none", "yet");
    const { code, stdout } = await causeway(["migrate", from.url, `file:${to}`, "--dry-run"]);
    expect(stdout).toMatch(/^2 records to copy from .*\n?.*; nothing was written\n/);
    expect(stdout).toMatch(
      /\n {2}kind +in FROM +to copy +overwritten +there already +only in TO\n/,
    );
    expect(stdout).toMatch(/\n {2}IPPool +1 +1 +0 +0 +0\n/);
    expect(code).toBe(0);
    expect(readdirSync(lab.directory)).not.toContain("none");
    await causeway(["migrate", from.url, `file:${to}`]);
    expect(readdirSync(to).sort()).toEqual([
      ".causeway.lock",
      "ipamblock-10-77-3-0-30.yaml",
      "ippool-green.yaml",
    ]);
  });

  test("leaves alone what differs, says in what, and takes it over when told to", async () => {
    const [from, to] = [await lab.make("file"), await lab.make("etcd")];
    await from.put(pool("green", "10.77.0.0/16"), pool("red", "10.78.0.0/16"));
    await to.put(
      pool("green", "10.77.0.0/16", { vxlanMode: "Never" }),
      pool("tan", "10.79.0.0/16"),
    );
    const refused = await migrate(from, to);
    expect(refused.stdout).toContain(
      'IPPool "green": is there already and differs: spec.vxlanMode is "Never" there, and "Always" here\n' +
        "  → --overwrite lets FROM win\n",
    );
    expect(refused.stdout).toMatch(/\n {2}IPPool +2 +1 +0 +0 +1\n/);
    expect(refused.code).toBe(1);
    expect(await to.names("IPPool")).toEqual(["green", "red", "tan"]);
    expect(await to.spec("IPPool", "green")).toMatchObject({ vxlanMode: "Never" });
    const { code, stdout } = await migrate(from, to, "--overwrite", "--json");
    const report = JSON.parse(stdout) as { kinds: { kind: string }[] };
    expect(report).toMatchObject({ verified: true, problems: [] });
    expect(report.kinds.find(({ kind }) => kind === "IPPool")).toEqual({
      kind: "IPPool",
      found: 2,
      copied: 0,
      overwritten: 1,
      same: 1,
      extra: 1,
    });
    expect(code).toBe(0);
    expect(await to.spec("IPPool", "green")).toMatchObject({ vxlanMode: "Always" });
  });

  test("names the nodes that a cluster does not have, and copies all else", async () => {
    const [from, to] = [await lab.make("file"), await lab.make("kubernetes")];
    await from.put(
      node("alder", "192.0.2.11"),
      node("elm", "192.0.2.13"),
      pool("green", "10.7.0.0/16"),
    );
    to.addCoreNode("alder");
    const { code, stdout } = await migrate(from, to);
    expect(stdout).toContain('Node "elm": Kubernetes has no node "elm" to register\n');
    expect(code).toBe(1);
    expect(await to.names("Node")).toEqual(["alder"]);
    expect(await to.names("IPPool")).toEqual(["green"]);
    to.addCoreNode("elm");
    expect((await migrate(from, to)).code).toBe(0);
    expect(await to.names("Node")).toEqual(["alder", "elm"]);
  });

  test("copies nothing from files in which something is wrong", async () => {
    const [from, to] = [await lab.make("file"), await lab.make("file")];
    await from.put(pool("green", "10.77.0.0/16"));
    const directory = from.url.slice("file:".length);
    mkdirSync(join(directory, "more"));
    writeFileSync(join(directory, "more", "red.yaml"), "kind: IPPool\nspec: [\n");
    const { code, stdout } = await migrate(from, to);
    expect(stdout).toMatch(/red\.yaml:\d+ {2}not YAML/);
    expect(stdout).toMatch(/\nnothing was copied: mend what is wrong in .* first\n$/);
    expect(code).toBe(1);
    expect(await to.names("IPPool")).toEqual([]);
  });

  test("says what in etcd cannot be read, and is not done before it is mended", async () => {
    const [from, to] = [await lab.make("etcd"), await lab.make("file")];
    await from.put(pool("green", "10.77.0.0/16"));
    const key = await lab.putRaw(from, "/resources/v3/projectcalico.org/ippools/red", "{");
    const { code, stdout } = await migrate(from, to);
    expect(stdout).toMatch(/^1 record copied from .*; 1 problem\n/s);
    expect(stdout.replaceAll("\n    ", " ")).toContain(
      `\nIPPool: left out, it cannot be read: ${key}: not JSON`,
    );
    expect(code).toBe(1);
    const { stdout: listed, stderr } = await from.run("get", "ippools");
    expect(listed).toMatch(/^name .*\ngreen .*\n$/);
    expect(stderr).toMatch(/^causeway: left out: .*ippools\/red: not JSON.*\n {2}→ /);
  });

  test("that was cut off goes on where it was", async () => {
    const [from, to] = [await lab.make("file"), await lab.make("etcd")];
    const names = Array.from({ length: 3_000 }, (_, at) => `node-${at}`);
    await from.put(pool("green", "10.77.0.0/16"));
    const text = names.map((name) => JSON.stringify(node(name, "192.0.2.11"))).join("\n");
    writeFileSync(join(from.url.slice("file:".length), "nodes.json"), text);
    const etcd = await lab.etcd();
    const first = migrate(from, to);
    while ((await to.names("Node")).length === 0) await new Promise((go) => setTimeout(go, 1));
    await etcd.kill();
    const { code, stderr } = await first;
    expect(stderr).toMatch(/^causeway: etcd .*\n {2}→ .*then run it again: what is copied already/);
    expect(code).toBe(70);
    await etcd.start();
    const copied = (await to.names("Node")).length;
    expect(copied).toBeGreaterThan(0);
    expect(copied).toBeLessThan(names.length);
    expect(await to.names("IPPool")).toEqual([]);
    const again = await migrate(from, to);
    expect(again.stdout).toMatch(
      new RegExp(`\n {2}Node +3000 +${3_000 - copied} +0 +${copied} +0\n`),
    );
    expect(again.code).toBe(0);
  });

  test("of one store into itself is wrong usage", async () => {
    const { code } = await causeway(["migrate", "kubernetes:", "kubernetes:"]);
    expect(code).toBe(64);
  });
});

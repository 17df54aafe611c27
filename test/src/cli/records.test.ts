// get, apply, delete and edit on a datastore of each kind: the same commands, the same words.

import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { causeway } from "../../support/command-line.ts";
import {
  block,
  type LabStore,
  node,
  pool,
  RecordLab,
  record,
  STORE_KINDS,
} from "../../support/record-lab.ts";

let lab: RecordLab;
beforeAll(() => {
  lab = new RecordLab();
});
afterAll(() => lab[Symbol.asyncDispose]());

/** Lines as they were before they were broken at 100 columns. */
function unwrapped(text: string): string[] {
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  return text
    .replaceAll(/\n {4}/g, " ")
    .trimEnd()
    .split("\n");
}

/** An editor that does to the file what the steps say, one at each time it is opened. */
function editor(...steps: readonly string[]): string {
  const path = join(lab.directory, `editor-${Math.random()}`);
  const count = `${path}.count`;
  writeFileSync(count, "0");
  const cases = steps.map((step, at) => `${at}) ${step} ;;`);
  const text = `#!/bin/sh
n=$(cat ${count}); echo $((n + 1)) > ${count}; cp "$1" ${path}.$n
case $n in
${cases.join("\n")}
esac
`;
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** What the editor saw when it was opened for the time-th time. */
const seen = (path: string, time: number): string => readFileSync(`${path}.${time}`, "utf8");

async function withEditor<T>(path: string, work: () => Promise<T>): Promise<T> {
  const { VISUAL } = process.env;
  process.env["VISUAL"] = path;
  try {
    return await work();
  } finally {
    if (VISUAL === undefined) delete process.env["VISUAL"];
    else process.env["VISUAL"] = VISUAL;
  }
}

describe.each(STORE_KINDS)("on a datastore of kind %s", (kind) => {
  const make = (): Promise<LabStore> => lab.make(kind);

  test("causeway get prints what is there, as a table, as YAML and as JSON", async () => {
    const store = await make();
    const spec = { ipv4VXLANTunnelAddr: "10.77.0.1", ipv6VXLANTunnelAddr: "fd77::1" };
    await store.put(
      pool("green", "10.77.0.0/16"),
      pool("red", "10.78.0.0/16", { vxlanMode: "Never", ipipMode: "CrossSubnet", blockSize: 28 }),
      node("alder", "192.0.2.11", spec),
      block("10.77.3.0/30", "alder", { allocations: [0, null, null, null], attributes: [{}] }),
      record("FelixConfiguration", "default", { vxlanPort: 4799 }),
    );
    const table = await store.run("get", "ippools");
    expect(table.stdout).toBe(
      `name   prefix        encapsulation     block size  for
green  10.77.0.0/16  vxlan Always      26          all()
red    10.78.0.0/16  ipip CrossSubnet  28          all()
`,
    );
    expect((await store.run("get", "no", "alder")).stdout).toBe(
      `name   node address   tunnel addresses
alder  192.0.2.11/24  vxlan 10.77.0.1 vxlan6 fd77::1
`,
    );
    expect((await store.run("get", "IPAMBlocks")).stdout).toBe(
      "block         node   in use\n10.77.3.0/30  alder  1 of 4\n",
    );
    expect((await store.run("get", "felixconfig")).stdout).toBe(
      "name     settings\ndefault  vxlanPort=4799\n",
    );
    const one = await store.run("get", "ippool", "green", "-o", "json");
    expect(JSON.parse(one.stdout)).toMatchObject(pool("green", "10.77.0.0/16"));
    const all = await store.run("get", "ippool", "--json");
    expect(JSON.parse(all.stdout)).toMatchObject({ kind: "IPPoolList", items: [{}, {}] });
    const yaml = await store.run("get", "ippools", "-o", "yaml");
    const again = await store.run("apply", "-f", lab.write("again.yaml", yaml.stdout));
    expect(again.stdout).toMatch(/\n0 created, 0 changed, 2 unchanged; 0 problems\n$/);
  });

  test("causeway get names a record that is not there, and the one that was meant", async () => {
    const store = await make();
    expect((await store.run("get", "ippools")).stdout).toMatch(/^no IPPool in /);
    await store.put(pool("green", "10.77.0.0/16"));
    const { code, stdout, stderr } = await store.run("get", "ippool", "gren");
    expect(stderr).toMatch(
      /^causeway: there is no IPPool "gren" in .*\n {2}→ did you mean green\?\n$/,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  });

  test("causeway apply creates and changes what differs, and says so", async () => {
    const store = await make();
    store.addCoreNode("alder");
    const labels = { zone: "b" };
    const green = { ...pool("green", "10.77.0.0/16"), metadata: { name: "green", labels } };
    const files = lab.write("first/all.yaml", green, node("alder", "192.0.2.11"));
    const first = await store.run("apply", "-f", files);
    expect(first.stdout).toBe(`IPPool "green" created
Node "alder" created
2 created, 0 changed, 0 unchanged; 0 problems
`);
    expect(first.code).toBe(0);
    const changed = pool("green", "10.77.0.0/16", { vxlanMode: "CrossSubnet" });
    const directory = join(lab.write("second/a.yaml", changed), "..");
    lab.write("second/b.json", JSON.stringify(node("alder", "192.0.2.11")));
    const dry = await store.run("apply", "--dry-run", "-f", directory);
    expect(dry.stdout).toMatch(/^IPPool "green" would be changed\n/);
    expect(await store.spec("IPPool", "green")).toMatchObject({ vxlanMode: "Always" });
    const second = await store.run("apply", "-f", directory);
    expect(second.stdout).toBe(`IPPool "green" changed
Node "alder" unchanged
0 created, 1 changed, 1 unchanged; 0 problems
`);
    expect((await store.store.get("IPPool", "green"))?.value).toMatchObject({
      metadata: { labels },
      spec: { vxlanMode: "CrossSubnet" },
    });
  });

  test("causeway apply refuses what is wrong by file, line and field, and writes the rest", async () => {
    const store = await make();
    const file = lab.write(
      "wrong.yaml",
      pool("green", "10.77.0.0/16"),
      pool("red", "10.78.0.0/33"),
      record("FelixConfiguration", "default", { vxlanPort: 4799, vxlanPortt: 1 }),
      record("BlockAffinity", "alder-10-77-3-0-30", { node: "alder", cidr: "10.77.3.0/30" }),
      pool("green", "10.79.0.0/16"),
      "apiVersion: projectcalico.org/v3\nkind: BGPPeer\nmetadata: { name: x }\n",
    );
    const { code, stdout } = await store.run("apply", "-f", file);
    expect(unwrapped(stdout)).toEqual([
      'IPPool "green" created',
      'FelixConfiguration "default" created',
      `${file}:14  IPPool "red"  spec.cidr "10.78.0.0/33": prefix length 33 is over 32`,
      `${file}:23  warning: FelixConfiguration "default"  spec.vxlanPortt: no such field; did you mean vxlanPort?`,
      `${file}:29  BlockAffinity "alder-10-77-3-0-30"  spec.state: not one of confirmed, pending, pendingDeletion`,
      `${file}:33  IPPool "green"  also in ${file}:1; remove one of them`,
      `${file}:42  warning: kind "BGPPeer": not a kind that causeway writes; passed over`,
      "2 created, 0 changed, 0 unchanged; 3 problems",
    ]);
    expect(code).toBe(1);
    expect(await store.names("IPPool")).toEqual(["green"]);
    expect(await store.names("BlockAffinity")).toEqual([]);
  });

  test("causeway apply does not move a pool away from under its blocks", async () => {
    const store = await make();
    await store.put(pool("green", "10.77.0.0/16"), block("10.77.3.0/30", "alder"));
    const file = lab.write("moved.yaml", pool("green", "10.99.0.0/16"));
    const { code, stdout } = await store.run("apply", "-f", file);
    expect(unwrapped(stdout)[0]).toBe(
      `${file}:1  IPPool "green"  spec.cidr "10.99.0.0/16": it is 10.77.0.0/16, and blocks are in it (10.77.3.0/30); make another pool, and delete this one when it has no blocks`,
    );
    expect(code).toBe(1);
    expect(await store.spec("IPPool", "green")).toMatchObject({ cidr: "10.77.0.0/16" });
  });

  test("causeway delete takes away what nothing needs, and lists what is in the way", async () => {
    const store = await make();
    const used = { allocations: [0, 0, null, null], attributes: [{}] };
    await store.put(
      pool("green", "10.77.0.0/16"),
      pool("red", "10.78.0.0/16"),
      node("alder", "192.0.2.11"),
      node("birch", "192.0.2.12"),
      block("10.77.3.0/30", "alder", used),
      block("10.77.3.4/30", "alder"),
    );
    const pools = await store.run("delete", "ippool", "green", "red", "blue");
    expect(pools.stdout).toBe('IPPool "red" deleted\n');
    expect(pools.code).toBe(1);
    expect(unwrapped(pools.stderr)).toContain(
      'causeway: IPPool "green" is not deleted: it still has block 10.77.3.0/30 of node alder, block 10.77.3.4/30 of node alder',
    );
    expect(pools.stderr).toMatch(/there is no IPPool "blue" in /);
    const nodes = await store.run("delete", "nodes", "alder", "birch");
    expect(nodes.stdout).toBe('Node "birch" deleted\n');
    expect(nodes.stderr).toMatch(/^causeway: Node "alder" is not deleted: it still has block 10/);
    const blocks = await store.run("delete", "ipamblock", "10-77-3-0-30", "10.77.3.4/30");
    expect(blocks.stdout).toBe('IPAMBlock "10-77-3-4-30" deleted\n');
    expect(blocks.stderr).toMatch(/is not deleted: 2 of its addresses are in use\n/);
    const forced = await store.run("delete", "ippool", "green", "--force", "--json");
    expect(JSON.parse(forced.stdout)).toEqual({
      kind: "IPPool",
      deleted: ["green"],
      missing: [],
      refused: [],
    });
    expect(await store.names("IPPool")).toEqual([]);
    expect(await store.names("Node")).toEqual(["alder"]);
    expect(await store.names("IPAMBlock")).toEqual(["10-77-3-0-30"]);
  });

  test("causeway edit writes what the editor leaves, and nothing where that is the same", async () => {
    const store = await make();
    await store.put(pool("green", "10.77.0.0/16"));
    const edit = (): ReturnType<LabStore["run"]> => store.run("edit", "ippool", "green");
    const same = await withEditor(editor("true"), edit);
    expect(same).toEqual({ code: 0, stdout: 'IPPool "green" unchanged\n', stderr: "" });
    const path = editor('sed -i s/Always/CrossSubnet/ "$1"');
    const { code, stdout } = await withEditor(path, edit);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'IPPool "green" changed\n' });
    expect(seen(path, 0)).toMatch(/^# causeway: IPPool "green" of .*\napiVersion: /);
    expect(seen(path, 0)).not.toMatch(/uid|resourceVersion|creationTimestamp/);
    expect(await store.spec("IPPool", "green")).toMatchObject({ vxlanMode: "CrossSubnet" });
  });

  test("causeway edit opens again what is refused, with the reason, and keeps it in the end", async () => {
    const store = await make();
    await store.put(pool("green", "10.77.0.0/16"));
    const path = editor(
      'sed -i s/Always/Sometimes/ "$1"',
      'sed -i "s/name: green/name: red/; s/Sometimes/Never/" "$1"',
      "true",
    );
    const { code, stdout, stderr } = await withEditor(path, () =>
      store.run("edit", "ippool", "green"),
    );
    const [reason = "", ...rest] = seen(path, 1).split("\n");
    expect(reason).toMatch(
      /IPPool "green" {2}spec\.vxlanMode "Sometimes": not one of Never, Always/,
    );
    const line = Number(/^# causeway: line (\d+): /.exec(reason)?.[1]);
    expect(rest[line - 2]).toBe("  vxlanMode: Sometimes");
    expect(seen(path, 2)).toMatch(/^# causeway: it has to stay IPPool "green", not IPPool "red"\n/);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const [, kept = ""] =
      /^causeway: IPPool "green" is not changed\n {2}→ your text is kept in (.*)\n$/.exec(stderr) ??
      [];
    expect(readFileSync(kept, "utf8")).toMatch(/vxlanMode: Never/);
    rmSync(dirname(kept), { recursive: true });
    expect(await store.spec("IPPool", "green")).toMatchObject({ vxlanMode: "Always" });
  });

  test("causeway edit shows what somebody else changed meanwhile, and writes on demand", async () => {
    const store = await make();
    await store.put(record("FelixConfiguration", "default", { vxlanPort: 4789, vxlanVNI: 1 }));
    const other = lab.write("other.yaml", record("FelixConfiguration", "default", { vxlanVNI: 2 }));
    const ready = join(lab.directory, `ready-${Math.random()}`);
    const done = `${ready}.done`;
    const path = editor(
      `touch ${ready}; while [ ! -e ${done} ]; do sleep 0.02; done; sed -i s/4789/4799/ "$1"`,
      'sed -i "/^# causeway/d" "$1"',
    );
    const { stdout } = await withEditor(path, async () => {
      const editing = store.run("edit", "felixconfiguration", "default");
      const { existsSync } = await import("node:fs");
      while (!existsSync(ready)) await new Promise((resolve) => setTimeout(resolve, 20));
      const current = await store.store.get("FelixConfiguration", "default");
      if (current === undefined) throw new Error("it is gone");
      const spec = { vxlanPort: 4789, vxlanVNI: 2 };
      await store.store.update({ ...current.value, spec }, current.revision);
      writeFileSync(done, "");
      return editing;
    });
    expect(other).not.toBe("");
    expect(seen(path, 1)).toMatch(
      /changed it meanwhile.*\n# causeway: +spec\.vxlanVNI was 1, is 2\n/,
    );
    expect(stdout).toBe('FelixConfiguration "default" changed\n');
    expect(await store.spec("FelixConfiguration", "default")).toMatchObject({
      vxlanPort: 4799,
      vxlanVNI: 1,
    });
  });
});

test("a kind that there is not is wrong usage, with the one that was meant", async () => {
  const { code, stderr } = await causeway(["get", "ipools", "--datastore", "file:/nowhere"]);
  expect(stderr).toBe('causeway: "ipools": no such kind\n  → did you mean ippools?\n');
  expect(code).toBe(64);
});

test("a datastore that is not there is named", async () => {
  const { code, stderr } = await causeway(["get", "ippools", "--datastore", "file:/nowhere"]);
  expect(stderr).toMatch(/^causeway: cannot read the directory \/nowhere \(ENOENT\)\n/);
  expect(code).toBe(70);
});

test("a table of long names and many addresses keeps to 100 columns", async () => {
  const store = await lab.make("file");
  const addresses = {
    bgp: {
      ipv4Address: "192.0.2.11/24",
      ipv6Address: "2001:db8:1111:2222:3333:4444:5555:6666/64",
      ipv4IPIPTunnelAddr: "10.77.0.2",
    },
    ipv4VXLANTunnelAddr: "10.77.0.1",
    ipv6VXLANTunnelAddr: "fd77:1111:2222:3333:4444:5555:6666:7777",
  };
  await store.put(record("Node", `${"n".repeat(55)}.example.org`, addresses));
  const { stdout } = await store.run("get", "nodes");
  unwrapped(stdout);
  expect(stdout).toContain("vxlan6 fd77:1111:2222:3333:4444:5555:6666:7777");
});

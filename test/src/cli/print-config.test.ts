import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/settings.ts";
import { causeway } from "../../support/command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-print-"));
afterAll(() => rmSync(directory, { recursive: true }));

const config = join(directory, "config.yaml");
const printed = join(directory, "printed.yaml");
const cluster = join(directory, "cluster.json");
const felix = (name: string, spec: object): string =>
  JSON.stringify({
    apiVersion: "projectcalico.org/v3",
    kind: "FelixConfiguration",
    metadata: { name },
    spec,
  });
writeFileSync(config, "node: alder\nvxlanPort: 4790\nipipMtu: 1400\n");
writeFileSync(
  cluster,
  `[${felix("default", { vxlanVNI: 7, vxlanPort: 8472 })},${felix("node.alder", { vxlanMTU: 1300 })}]`,
);

const WORDS = ["run", "--print-config", "--config", config, "--datastore", `file:${directory}/cl`];

test("causeway run --print-config says where each value came from", async () => {
  rmSync(join(directory, "cl"), { recursive: true, force: true });
  const words = [...WORDS.slice(0, -1), `file:${directory}`, "--ipip-mtu", "1440"];
  const { code, stdout } = await causeway(words, { CAUSEWAY_RUN_DIR: "/run/x" });
  const lines = stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}# /));
  expect(Object.fromEntries(lines.slice(1))).toMatchObject({
    "node: alder": config,
    [`datastore: file:${directory}`]: "--datastore",
    "runDir: /run/x": "CAUSEWAY_RUN_DIR",
    "logLevel: info": "default",
    "# vxlanEnabled:": "not set: where a pool asks for it",
    "vxlanVni: 7": "FelixConfiguration default",
    "vxlanPort: 4790": config,
    "vxlanMtu: 1300": "FelixConfiguration node.alder",
    "ipipMtu: 1440": "--ipip-mtu",
    "routeRefreshInterval: 90s": "default",
    "takeOver: true": "default",
  });
  expect(lines).toHaveLength(SETTINGS.length + 1);
  expect(code).toBe(0);
});

test("causeway run --print-config prints a configuration file", async () => {
  const words = [...WORDS.slice(0, -1), `file:${directory}`];
  const { stdout } = await causeway(words);
  writeFileSync(printed, stdout);
  const again = await causeway(["run", "--print-config", "--config", printed]);
  const settings = (text: string): string[] =>
    text.split("\n").map((line) => line.split(" #")[0] ?? "");
  expect(settings(again.stdout).map((line) => line.trimEnd())).toEqual(
    settings(stdout).map((line) => line.trimEnd()),
  );
  rmSync(printed);
});

test("causeway run --print-config says that the datastore was not read, and why", async () => {
  const { code, stdout } = await causeway(WORDS);
  expect(stdout).toContain(
    `\n# no FelixConfiguration is counted in: ${directory}/cl does not exist\n`,
  );
  expect(code).toBe(0);
  const without = await causeway(["run", "--print-config"]);
  expect(without.stdout).toMatch(/\n# no FelixConfiguration is counted in: no datastore is set\n/);
  expect(without.stdout).toMatch(/\n# datastore: +# not set\n/);
});

test("causeway run --print-config --json has all that the text has", async () => {
  const words = [...WORDS.slice(0, -1), `file:${directory}`, "--json"];
  const { stdout } = await causeway(words);
  const { settings, datastore } = JSON.parse(stdout) as {
    settings: { name: string; value: unknown; source: string }[];
    datastore: string;
  };
  expect(datastore).toBe("read");
  expect(settings.map(({ name }) => name)).toEqual(SETTINGS.map(({ name }) => name));
  expect(settings).toContainEqual({
    name: "vxlanVni",
    value: 7,
    source: "FelixConfiguration default",
  });
  expect(settings).toContainEqual({
    name: "datastore",
    value: `file:${directory}`,
    source: "--datastore",
  });
});

test("causeway run --print-config does not show a password", async () => {
  const env = { CAUSEWAY_ETCD_PASSWORD: "sesame", CAUSEWAY_ETCD_USER: "alder" };
  for (const json of [[], ["--json"]]) {
    const { stdout } = await causeway(["run", "--print-config", ...json], env);
    expect(stdout).toContain("CAUSEWAY_ETCD_PASSWORD, not shown");
    expect(stdout).toContain("alder");
    expect(stdout).not.toContain("sesame");
  }
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { causeway } from "../../support/command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-usage-"));
const nowhere = join(directory, "nowhere");
const file = join(directory, "config.yaml");
writeFileSync(file, "vxlanMtuu: 3\nvxlanVni: many\n");
const broken = join(directory, "broken.yaml");
writeFileSync(broken, "node: [\n");
const list = join(directory, "list.yaml");
writeFileSync(list, "- node\n");

afterAll(() => rmSync(directory, { recursive: true }));

const DATASTORE = ["--datastore", `file:${directory}`];

describe("causeway refuses with exit code 64, what is wrong, and what to type", () => {
  test.each<[string, string[], string[]]>([
    ["an unknown command", ["rn"], ['causeway: unknown command "rn"', "  → did you mean run?"]],
    [
      "an unknown command like none",
      ["xyzzy"],
      ['causeway: unknown command "xyzzy"', "  → causeway --help"],
    ],
    [
      "a misspelt flag",
      ["status", "--jsn"],
      ['causeway: status: unknown option "--jsn"', "  → did you mean --json?"],
    ],
    [
      "a flag without its value",
      ["status", "--run-dir"],
      ['causeway: status: option "--run-dir <dir>" argument missing', "  → causeway status --help"],
    ],
    [
      "a missing argument",
      ["validate"],
      ['causeway: validate: missing required argument "path"', "  → causeway validate --help"],
    ],
    [
      "an argument too many",
      ["cleanup", "everything"],
      [
        'causeway: cleanup: too many arguments for "cleanup". Expected 0 arguments but got 1.',
        "  → causeway cleanup --help",
      ],
    ],
    [
      "something that cannot be shown",
      ["show", "route"],
      ['causeway: show: there is no "route" to show', "  → did you mean routes?"],
    ],
    [
      "a time to wait that is none",
      ["status", "--wait", "soon"],
      ['causeway: --wait "soon": must be a number of seconds'],
    ],
    [
      "a missing datastore",
      ["run", "--node", "alder"],
      [
        "causeway: no datastore: give --datastore file:DIR|etcd://HOST|kubernetes:, or set CAUSEWAY_DATASTORE",
      ],
    ],
    [
      "every wrong value at once",
      ["run", ...DATASTORE, "--vxlan-vni", "0", "--vxlan-mtu", "big", "--log-level", "loud"],
      [
        'causeway: --log-level "loud": must be debug, info, warn or error',
        'causeway: --vxlan-vni "0": must be a whole number from 1 to 16777215',
        'causeway: --vxlan-mtu "big": must be a whole number from 0 to 65535',
      ],
    ],
    [
      "what the configuration file has no use for, by line",
      ["plan", ...DATASTORE, "--config", file],
      [
        `causeway: ${file}:1: vxlanMtuu: no such setting; did you mean vxlanMtu?`,
        `causeway: ${file}:2: vxlanVni "many": must be a whole number from 1 to 16777215`,
      ],
    ],
    [
      "a configuration file that is not there",
      ["run", "--config", nowhere],
      [`causeway: cannot read --config ${nowhere}: there is no such file`],
    ],
    [
      "a configuration file that is a directory",
      ["run", "--config", directory],
      [`causeway: cannot read --config ${directory}: it is a directory`],
    ],
    [
      "a configuration file that is no mapping",
      ["run", "--config", list],
      [
        `causeway: ${list}: not a mapping of settings`,
        "  → write one setting a line, for example  node: alder",
      ],
    ],
    [
      "--json without anything to print",
      ["run", ...DATASTORE, "--json"],
      ["causeway: run: --json goes with --print-config", "  → causeway status --json"],
    ],
  ])("%s", async (_, words, lines) => {
    const { code, stdout, stderr } = await causeway(words);
    expect(stderr).toBe(`${lines.join("\n")}\n`);
    expect({ code, stdout }).toEqual({ code: 64, stdout: "" });
  });

  test("a configuration file that is no YAML, with line and column", async () => {
    const { code, stderr } = await causeway(["run", "--config", broken]);
    expect(stderr).toMatch(new RegExp(`^causeway: ${broken}:2:1: not YAML: [^\n]+\n$`));
    expect(code).toBe(64);
  });

  test("no command at all, after the help", async () => {
    const { code, stderr } = await causeway([]);
    expect(stderr).toMatch(/^Usage: causeway/);
    expect(stderr).toMatch(/\ncauseway: no command\n {2}→ causeway demo\n$/);
    expect(code).toBe(64);
  });

  test("a misspelt variable, but not one that somebody else may have set", async () => {
    const variables = { CAUSEWAY_NODEE: "alder", CAUSEWAY_SERVICE_HOST: "192.0.2.1" };
    const { code, stderr } = await causeway(["run", ...DATASTORE], variables);
    expect(stderr).toBe(
      "causeway: CAUSEWAY_NODEE: no such variable; did you mean CAUSEWAY_NODE?\n",
    );
    expect(code).toBe(64);
  });
});

test("causeway status cares for no setting but the run dir", async () => {
  const words = ["status", "--run-dir", nowhere, "--config", file];
  const { code, stderr } = await causeway(words, { CAUSEWAY_VXLAN_VNI: "many" });
  expect(stderr).toMatch(new RegExp(`^causeway: no agent runs with --run-dir ${nowhere}\n  → `));
  expect(code).toBe(70);
});

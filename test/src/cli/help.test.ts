import { describe, expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/settings.ts";
import { VERSION } from "../../../src/version.ts";
import { causeway } from "../../support/command-line.ts";

const COMMANDS = [
  "run",
  "status",
  "plan",
  "show",
  "validate",
  "get",
  "apply",
  "edit",
  "delete",
  "migrate",
  "resync",
  "cleanup",
  "pod",
  "node",
  "decode",
  "demo",
];

describe.each([[], ...COMMANDS.map((name) => [name])])("causeway %s --help", (...words) => {
  test("is for newcomers: an example, the exit codes, no line over 100 columns", async () => {
    const { code, stdout, stderr } = await causeway([...words, "--help"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^(Examples?|Start here): /m);
    expect(stdout).toMatch(/^Exit codes: .*0 /m);
    expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  });
});

test("causeway --help names every command", async () => {
  const { stdout } = await causeway(["--help"]);
  for (const name of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, "m"));
});

test("causeway run --help names every flag with its variable", async () => {
  const { stdout } = await causeway(["run", "--help"]);
  const words = stdout.replaceAll(/\s+/g, " ");
  for (const { name, flag } of SETTINGS) {
    if (flag === undefined) continue;
    expect(words).toContain(flag);
    const variable = name.replace(/[A-Z]/g, "_$&").toUpperCase();
    expect(words).toMatch(new RegExp(`\\[CAUSEWAY_${variable}(=(true|false))?\\]`));
  }
});

test("causeway plan takes every flag of run and lists those that matter to it", async () => {
  const { stdout } = await causeway(["plan", "--help"]);
  expect(stdout).toContain("--vxlan-vni");
  expect(stdout).not.toContain("--run-dir");
  const refused = await causeway(["plan", "--run-dir", "/x", "--log-level", "debug"]);
  expect(refused.stderr).toMatch(/^causeway: no datastore/);
});

test("causeway --version prints the version alone", async () => {
  expect(await causeway(["--version"])).toEqual({ code: 0, stdout: `${VERSION}\n`, stderr: "" });
});

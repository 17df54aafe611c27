import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { causeway } from "../../support/command-line.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-validate-"));
const good = join(directory, "good.yaml");
const bad = join(directory, "bad.yaml");
const pool = (name: string, cidr: string): string =>
  `apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: ${name} }\nspec: { cidr: ${cidr} }\n`;
writeFileSync(good, pool("green", "10.77.0.0/16"));
writeFileSync(bad, `${pool("red", "10.78.0.0/16")}---\n${pool("blue", "10.79.0.0/33")}`);

afterAll(() => rmSync(directory, { recursive: true }));

/** Lines as they were before they were broken at 100 columns. */
function unwrapped(text: string): string[] {
  expect(text.split("\n").filter((line) => line.length > 100)).toEqual([]);
  return text.replaceAll(/\n {4}/g, " ").split("\n");
}

test("causeway validate says that all is fine, and exits 0", async () => {
  const { code, stdout, stderr } = await causeway(["validate", good]);
  expect(stdout).toBe("0 problems in 1 file, 1 resource is fine\n");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
});

test("causeway validate names file, line, resource, field and reason, and exits 1", async () => {
  const { code, stdout } = await causeway(["validate", directory]);
  const [line = "", summary] = unwrapped(stdout);
  const fault = 'spec.cidr "10.79.0.0/33": prefix length 33 is over 32';
  expect(line).toBe(`${bad}:9  IPPool "blue"  ${fault}`);
  expect(summary).toBe("1 problem in 2 files, 2 resources are fine");
  expect(code).toBe(1);
});

test("causeway validate --json has all that the text has", async () => {
  const { code, stdout } = await causeway(["validate", "--json", directory]);
  const report = JSON.parse(stdout) as { problems: { where: string }[] };
  expect(report).toMatchObject({ files: 2, fine: 2 });
  expect(report.problems.map(({ where }) => where)).toEqual([`${bad}:9`]);
  expect(code).toBe(1);
});

test("causeway validate names a path that is not there", async () => {
  const { code, stdout } = await causeway(["validate", join(directory, "none")]);
  expect(stdout).toContain(`${join(directory, "none")}  no such file or directory\n`);
  expect(code).toBe(1);
});

test("causeway validate warns of what is of no use, and exits 0", async () => {
  const secret = join(directory, "secret.yaml");
  writeFileSync(secret, "apiVersion: v1\nkind: Secret\nmetadata: { name: key }\n");
  const { code, stdout } = await causeway(["validate", secret]);
  expect(stdout).toMatch(new RegExp(`^${secret}:2  warning: .*Secret`));
  expect(stdout).toMatch(/\n0 problems, 1 warning in 1 file, 0 resources are fine\n$/);
  expect(code).toBe(0);
});

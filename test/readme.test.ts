// What the README says of commands, settings, exit codes and resources is so.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EXIT } from "../src/cli/exit-codes.ts";
import { createProgram } from "../src/cli/program.ts";
import { SETTINGS, variableName } from "../src/config/settings.ts";
import { validatePaths } from "../src/datastore/validate.ts";

const root = new URL("..", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");
const readme = read("README.md");
const program = await createProgram((code) => {
  throw new RangeError(`exit ${code}`);
}, []);

/** The cells of the table below a heading, without its head. */
function table(heading: string): string[][] {
  const section = readme.slice(readme.indexOf(`\n## ${heading}\n`)).split("\n## ")[1] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const inCode = (text: string | undefined): string => /`([^`]*)`/.exec(text ?? "")?.[1] ?? "";

test("the README lists every setting with its flag, variable and default", () => {
  const told = table("Configuration").map(([name, flag, variable, fallback]) => ({
    name: inCode(name),
    needsRestart: name?.endsWith("†") === true,
    flag: inCode(flag),
    variable: inCode(variable),
    fallback: inCode(fallback),
  }));
  const real = SETTINGS.map((setting) => ({
    name: setting.name,
    needsRestart: setting.needsRestart === true,
    flag: setting.flag?.split(" ")[0] ?? "",
    variable: variableName(setting),
    fallback: told.find(({ name }) => name === setting.name)?.fallback,
  }));
  expect(told).toEqual(real);
  for (const { name, fallback } of SETTINGS) {
    const value = told.find((row) => row.name === name)?.fallback;
    if (fallback && name !== "node") expect(value).toBe(String(fallback()));
  }
});

test("the README lists every exit code", () => {
  const codes = table("Exit codes").map(([code]) => Number(code));
  expect(codes).toEqual(Object.values(EXIT).sort((a, b) => a - b));
});

test("the README names commands and flags that there are", () => {
  const lines = [readme, read("deploy/systemd/causeway.service")].join("\n");
  const found = [...lines.matchAll(/\bcauseway ([a-z]+)((?: \[?--[a-z-]+)*)/g)];
  expect(found.length).toBeGreaterThan(8);
  for (const [, name = "", flags = ""] of found) {
    const command = program.commands.find((one) => one.name() === name);
    expect(command, name).toBeDefined();
    for (const [flag] of flags.matchAll(/--[a-z-]+/g)) {
      expect(
        command?.options.map(({ long }) => long),
        name,
      ).toContain(flag);
    }
  }
});

test("the README's resources are right", async () => {
  const yaml = /```yaml\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const directory = mkdtempSync(join(tmpdir(), "causeway-readme-"));
  writeFileSync(join(directory, "cluster.yaml"), yaml);
  const { problems, fine } = await validatePaths([directory]);
  rmSync(directory, { recursive: true });
  expect(problems).toEqual([]);
  expect(fine).toBe(3);
});

test("the README's first screen says what it is, draws a packet's path, and gives two commands", () => {
  const screen = readme.split("\n").slice(0, 24).join("\n");
  expect(screen).toMatch(/^# Causeway\n\nAn overlay dataplane for Linux nodes/);
  expect(screen).toContain("vxlan.causeway");
  expect(screen).toMatch(/^ {4}npm run demo .*\n {4}npm test /m);
});

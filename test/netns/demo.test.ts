// `causeway demo` as a newcomer runs it, on this machine's kernel.

import { execFileSync, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, expect, test } from "vitest";
import { programFile } from "../../src/demo/agent-process.ts";
import type { DemoReport } from "../../src/demo/demo-report.ts";
import { namespacesWithPrefix } from "../../src/demo/namespace-removal.ts";

const PREFIX = "cwdemo-";
const rootLinks = (): string => execFileSync("ip", ["-o", "link"], { encoding: "utf8" });
const linksBefore = rootLinks();
const left = (pid: number | undefined): string[] => [
  ...namespacesWithPrefix(`${PREFIX}${pid}-`),
  ...readdirSync(tmpdir()).filter((name) => name.startsWith(`${PREFIX}${pid}-`)),
];

interface Ended {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(args: readonly string[], interrupt?: RegExp): Promise<Ended> {
  const child = spawn(process.execPath, [programFile(), "demo", ...args]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part) => {
    stdout += part;
    if (interrupt?.test(stdout)) child.kill("SIGINT");
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ pid: child.pid, code, stdout, stderr }));
  });
}

const needsRoot = process.getuid?.() === 0 ? undefined : "needs root";

afterEach(() => {
  expect(rootLinks()).toBe(linksBefore);
});

test("demo reaches every pair, passes every check and leaves nothing behind", async (context) => {
  if (needsRoot) context.skip(needsRoot);
  const { pid, code, stdout, stderr } = await demo(["--json"]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.pairs.length).toBeGreaterThanOrEqual(112);
  expect(code).toBe(0);
  expect(left(pid)).toEqual([]);
});

test("demo prints lines of at most 100 columns", async (context) => {
  if (needsRoot) context.skip(needsRoot);
  const { code, stdout } = await demo([]);
  expect(code).toBe(0);
  expect(stdout.split("\n").filter((line) => [...line].length > 100)).toEqual([]);
});

test("demo leaves nothing behind when it is interrupted", async (context) => {
  if (needsRoot) context.skip(needsRoot);
  const { pid, code } = await demo([], /agents in sync/);
  expect(code).toBe(130);
  expect(left(pid)).toEqual([]);
});

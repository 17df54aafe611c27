// `causeway demo` as a newcomer runs it, on this machine's kernel.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, expect, test } from "vitest";
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

interface Reaction {
  /** Once this has been printed … */
  readonly to: RegExp;
  readonly react: (child: ChildProcess) => void;
}

function demo(args: readonly string[], reaction?: Reaction): Promise<Ended> {
  const child = spawn(process.execPath, [programFile(), "demo", ...args]);
  let [stdout, stderr, isDone] = ["", "", false];
  child.stdout.on("data", (part) => {
    stdout += part;
    if (isDone || !reaction?.to.test(stdout)) return;
    isDone = true;
    reaction.react(child);
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  return new Promise((resolve) => {
    child.once("close", (code) => resolve({ pid: child.pid, code, stdout, stderr }));
  });
}

const IN_SYNC = /agents in sync/;

beforeEach((context) => {
  if (process.getuid?.() !== 0) context.skip("needs root");
});

afterEach(() => {
  expect(rootLinks()).toBe(linksBefore);
});

test("demo reaches every pair, passes every check and leaves nothing behind", async () => {
  const { pid, code, stdout, stderr } = await demo(["--json"]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.pairs.length).toBeGreaterThanOrEqual(112);
  expect(code).toBe(0);
  expect(left(pid)).toEqual([]);
});

test("demo carries all of it in userspace where it is told to", async () => {
  const { pid, code, stdout, stderr } = await demo(["--dataplane", "userspace", "--json"]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.pairs.some(({ taken }) => taken === "ipip")).toBe(true);
  expect(code).toBe(0);
  expect(left(pid)).toEqual([]);
});

test("demo runs on a real etcd server that it starts itself, and ends with it", async () => {
  const { pid, code, stdout, stderr } = await demo(["--datastore", "etcd", "--json"]);
  expect(stderr).toBe("");
  const report = JSON.parse(stdout) as DemoReport;
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([]);
  expect(code).toBe(0);
  expect(left(pid)).toEqual([]);
  expect(execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })).not.toMatch(/etcd --name demo/);
});

test("demo prints lines of at most 100 columns", async () => {
  const { code, stdout } = await demo(["--datastore", "etcd"]);
  expect(code).toBe(0);
  expect(stdout.split("\n").filter((line) => [...line].length > 100)).toEqual([]);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)("demo leaves nothing behind after %s", async (signal, exitCode) => {
  const react = (child: ChildProcess): void => void child.kill(signal);
  const { pid, code } = await demo([], { to: IN_SYNC, react });
  expect(code).toBe(exitCode);
  expect(left(pid)).toEqual([]);
});

test("demo removes what a killed one left", async () => {
  const react = (child: ChildProcess): void => void child.kill("SIGKILL");
  const { pid, code } = await demo([], { to: IN_SYNC, react });
  expect(code).toBeNull();
  expect(left(pid)).not.toEqual([]);
  const { stdout } = await demo(["--clean"]);
  expect(stdout).toMatch(/^removed \d+ network namespaces and what was in them\n$/);
  expect(left(pid)).toEqual([]);
});

test("demo names the check that failed, and exits 1", async () => {
  const react = (child: ChildProcess): void => {
    child.kill("SIGSTOP");
    const router = `${PREFIX}${child.pid}-router`;
    const port = ["link", "set", "cedar", "mtu", "1300"];
    execFileSync("ip", ["-n", router, ...port]);
    child.kill("SIGCONT");
  };
  const { pid, code, stdout } = await demo([], { to: IN_SYNC, react });
  expect(stdout).toMatch(/^ ✗ \d+ of \d+ pairs carry another size than they should$/m);
  expect(stdout).toMatch(/\n✗ 1 of 5 checks failed\.\n/);
  expect(code).toBe(1);
  expect(left(pid)).toEqual([]);
});

test("demo --keep stays up, is refused a second time, and goes with --clean", async (context) => {
  if (namespacesWithPrefix(`${PREFIX}router`).length > 0) context.skip("a demo is kept already");
  try {
    const { code, stdout } = await demo(["--keep"]);
    expect(code).toBe(0);
    const status = /main\.js (status --run-dir \S+)/.exec(stdout)?.[1]?.split(" ") ?? [];
    const said = execFileSync(process.execPath, [programFile(), ...status], { encoding: "utf8" });
    expect(said).toMatch(/^in sync/);
    const again = await demo(["--keep"]);
    expect(again.stderr).toMatch(/^causeway: a demo is up already\n {2}→ remove it: .*--clean\n$/);
    expect(again.code).toBe(70);
  } finally {
    expect((await demo(["--clean"])).stdout).toMatch(/^removed \d+ network namespaces/);
  }
  expect(namespacesWithPrefix(`${PREFIX}router`)).toEqual([]);
});

import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { controlSocketPath, lastPid, RunDir } from "../../../src/observe/run-dir.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-rundir-"));
afterAll(() => rmSync(directory, { recursive: true }));

describe("RunDir", () => {
  test("is made with all directories above it, for its owner alone", () => {
    const path = join(directory, "a", "b");
    const held = RunDir.claim(path);
    expect(held.path).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    held.release();
  });

  test("belongs to one agent, and to the next one after it", () => {
    const path = join(directory, "one");
    const held = RunDir.claim(path);
    expect(lastPid(path)).toBe(process.pid);
    expect(() => RunDir.claim(path)).toThrow(
      `another agent (pid ${process.pid}) runs with --run-dir ${path}`,
    );
    held.release();
    RunDir.claim(path).release();
    expect(lastPid(path)).toBe(process.pid);
  });

  test("keeps the mode of a directory that was there", () => {
    const path = join(directory, "mine");
    mkdirSync(path, { mode: 0o755 });
    RunDir.claim(path).release();
    expect(statSync(path).mode & 0o777).toBe(0o755);
  });

  test("is refused where it cannot be", () => {
    const file = join(directory, "file");
    writeFileSync(file, "");
    const reasons: [string, string][] = [
      [file, "it is not a directory"],
      [join(file, "below"), "it is not a directory, or below a file"],
      // Node's recursive mkdir would never come back from here.
      ["/proc/causeway/run", "it cannot be made there"],
    ];
    for (const [path, reason] of reasons) {
      expect(() => RunDir.claim(path)).toThrow(`cannot use --run-dir ${path}: ${reason}`);
    }
  });

  test("is refused where the path of the socket would be too long for the kernel", () => {
    const longest = join(
      directory,
      "x".repeat(107 - "/causeway.sock".length - directory.length - 1),
    );
    expect(Buffer.byteLength(controlSocketPath(longest))).toBe(107);
    RunDir.claim(longest).release();
    expect(() => RunDir.claim(`${longest}x`)).toThrow("is 108 bytes long, more than 107");
    expect(existsSync(`${longest}x`)).toBe(false);
  });
});

test("lastPid knows nothing of a directory that no agent had", () => {
  expect(lastPid(join(directory, "none"))).toBeUndefined();
});

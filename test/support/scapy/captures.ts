// Capture files that scapy makes, and what is expected of them.

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = fileURLToPath(new URL("make_captures.py", import.meta.url));
/** Debian's own, which sees Debian's packages. */
const PYTHON = "/usr/bin/python3";

export interface ScapyCaptures {
  readonly names: readonly string[];
  /** Why each packet is refused: the name of a drop reason, or null. */
  readonly refused: (name: string) => readonly (string | null)[];
  readonly path: (name: string) => string;
  remove(): void;
}

/** Why scapy cannot be used, or undefined if it can. */
export function scapyObstacle(): string | undefined {
  if (existsSync("/usr/lib/python3/dist-packages/scapy")) return undefined;
  return "scapy is missing: install the Debian package python3-scapy";
}

export function makeScapyCaptures(): ScapyCaptures {
  const folder = mkdtempSync(join(tmpdir(), "causeway-scapy-"));
  execFileSync(PYTHON, [SCRIPT, folder], { stdio: ["ignore", "ignore", "inherit"] });
  const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
    string,
    (string | null)[]
  >;
  return {
    names: Object.keys(expected),
    refused: (name) => expected[name] ?? [],
    path: (name) => join(folder, name),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

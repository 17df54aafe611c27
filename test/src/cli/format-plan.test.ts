import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import {
  formatPlan,
  type PlannedOperation,
  type PlanReport,
} from "../../../src/cli/format-plan.ts";

const EMPTY: PlanReport = {
  node: "alder",
  datastore: "file:./cluster",
  revision: "41",
  operations: [],
  problems: [],
  conflicts: [],
};

const operation = (
  kind: PlannedOperation["kind"],
  verb: PlannedOperation["verb"],
  why: string,
  ...commands: string[]
): PlannedOperation => ({
  object: `${kind} x`,
  kind,
  verb,
  reason: verb === "delete" ? "unwanted" : "missing",
  why,
  commands,
});

const OPERATIONS = [
  operation(
    "link",
    "add",
    'carries pool "it\'s $(odd) `here`"',
    "ip link add v",
    "ip link set v up",
  ),
  operation("route", "add", "block of birch", "ip route add 10.0.0.0/26 nhid 1 proto 202"),
  operation("route", "delete", "not wanted", "ip route delete 10.0.1.0/26 nhid 1 proto 202"),
];

test("formatPlan says of what it is a plan, and that there is nothing to do", () => {
  expect(formatPlan(EMPTY)).toBe(
    "# node alder, datastore file:./cluster (revision 41), kernel as read now\n" +
      "# nothing to do: the kernel has all that it can have\n",
  );
});

test("formatPlan counts the changes by kind, says what is removed, and why each one is", () => {
  expect(
    formatPlan({ ...EMPTY, operations: OPERATIONS })
      .split("\n")
      .slice(1),
  ).toEqual([
    "# 3 changes: 1 device, 2 routes",
    "# removed: 1 route",
    'ip link add v   # carries pool "it\'s $(odd) `here`"',
    "ip link set v up",
    "ip route add 10.0.0.0/26 nhid 1 proto 202   # block of birch",
    "ip route delete 10.0.1.0/26 nhid 1 proto 202   # not wanted",
    "",
  ]);
  const [, , removed] = formatPlan({ ...EMPTY, operations: OPERATIONS.slice(0, 2) }).split("\n");
  expect(removed).toBe("# nothing is removed");
});

test("formatPlan puts problems and conflicts into comments of at most 100 columns", () => {
  const long = "no link holds it ".repeat(12).trim();
  const text = formatPlan({
    ...EMPTY,
    problems: [{ subject: "node birch", reason: long, hint: long, severity: "error" }],
    conflicts: [
      { kind: "VNI", value: "1", winner: "device a", losers: ["device b"], rule: "r", hint: long },
    ],
  });
  const lines = text.trimEnd().split("\n");
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) {
    expect(line).toMatch(/^# /);
    expect(line.length).toBeLessThanOrEqual(100);
  }
});

test("formatPlan gives a shell nothing but the commands", () => {
  const script = formatPlan({ ...EMPTY, operations: OPERATIONS });
  const traced = spawnSync("sh", ["-ec", `ip() { echo "ip $*"; }\n${script}`], {
    encoding: "utf8",
  });
  expect(traced.stderr).toBe("");
  expect(traced.stdout.trimEnd().split("\n")).toEqual(
    OPERATIONS.flatMap(({ commands }) => commands),
  );
});

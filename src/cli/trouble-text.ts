/** Problems and conflicts in words: a line that says what and why, and another for what to do. */
import type { Conflict, Problem } from "../../tunnels/desired/problem.ts";

export function problemText({ severity, subject, reason, hint }: Problem): string[] {
  const grade = severity === "error" ? "" : `${severity}: `;
  return [`${grade}${subject}: ${reason}`, ...hintText(hint)];
}

export function conflictText({ kind, value, winner, losers, rule, hint }: Conflict): string[] {
  const claimants = [winner, ...losers].join(" and ");
  const what = `${kind} ${value} is claimed by ${claimants}; ${winner} has it (${rule})`;
  return [what, ...hintText(hint)];
}

export function hintText(hint: string | undefined): string[] {
  return hint === undefined ? [] : [`  → ${hint}`];
}

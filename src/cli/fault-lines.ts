/** What is wrong with resources, a line each, the places in one column. */
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { formatFault } from "../datastore/fault-text.ts";
import { wrap } from "./text.ts";

export function faultLines(faults: readonly ResourceFault[]): string[] {
  const width = faults.reduce((most, { where }) => Math.max(most, where.length), 0);
  return faults.map((fault) => {
    const grade = fault.severity === "warning" ? "warning: " : "";
    return wrap(`${fault.where.padEnd(width)}  ${grade}${formatFault(fault)}`, "    ");
  });
}

export function isError({ severity }: ResourceFault): boolean {
  return severity === "error";
}

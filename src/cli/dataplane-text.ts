/** The data path's part of a status report, as text. Empty where the kernel carries everything. */
import type { DataPathReport, DataplaneReport, TunnelReport } from "../observe/status.ts";
import { ago, plural } from "./text.ts";

/** Lines, the first with a title. */
export function dataplaneText({ tunnels, dataPath }: DataplaneReport): string[] {
  const carried = tunnels.filter(({ carriedBy }) => carriedBy === "userspace");
  if (carried.length === 0) return [];
  const reasons = new Set(carried.map(({ whyNotKernel }) => whyNotKernel ?? ""));
  const lines = carried.map(engineText);
  lines.push(...[...reasons].filter(Boolean).map((reason) => `why not the kernel: ${reason}`));
  if (dataPath !== undefined) lines.push(...trafficText(dataPath));
  return lines.map((text, at) => `${(at === 0 ? "userspace" : "").padEnd(10)}${text}`);
}

/** "IP-in-IP by the batch engine: why no better one". */
function engineText({ tunnel, engine, whyNotBetter }: TunnelReport): string {
  const how = engine === undefined ? "not served" : `by the ${engine} engine`;
  return `${tunnel} ${how}${whyNotBetter === undefined ? "" : `: ${whyNotBetter}`}`;
}

function* trafficText({ sent, received, drops, restarts }: DataPathReport): Generator<string> {
  const dropped = drops.reduce((sum, { packets }) => sum + packets, 0);
  const counts = `${plural(sent.packets, "packet")} out, ${plural(received.packets, "packet")} in`;
  yield `${counts}, ${dropped === 0 ? "none" : dropped.toLocaleString("en-US")} dropped`;
  for (const { text, packets } of drops) yield `  ${packets.toLocaleString("en-US")}: ${text}`;
  const { count, lastReason, lastAt } = restarts;
  if (count === 0 || lastAt === undefined) return;
  yield `worker restarted ${plural(count, "time")}, last ${ago(lastAt)}: ${lastReason}`;
}

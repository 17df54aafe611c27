/** What the demo prints. No line is longer than 100 columns, and no colour is needed. */
import { duration, plural } from "../cli/text.ts";
import type { DemoCheck, PairReport, SyncReport } from "./demo-report.ts";
import { poolInWords } from "./demo-words.ts";
import type { Topology } from "./topology.ts";

const COLUMN = 21;
const ROUTER = " router ";

/** The underlay, and below each node its blocks. */
export function drawTopology(topology: Topology): string {
  const { nodes, subnets, pools } = topology;
  const count = (subnet: number): number => nodes.filter((node) => node.subnet === subnet).length;
  const bars = subnets.map((subnet, index) => {
    const isLast = index === subnets.length - 1;
    const width = count(index) * COLUMN - (isLast ? 3 : ROUTER.length);
    const title = ` ${subnet.ipv4} `;
    const left = Math.max(2, Math.floor((width - title.length) / 2));
    return `${"─".repeat(left)}${title}`.padEnd(width, "─");
  });
  const cells = (words: readonly string[]): string =>
    words.map((word) => word.padEnd(COLUMN)).join("");
  const label = (text: string): string => `  ${text.padEnd(8)}`;
  const lines = [
    label("") + bars.join(ROUTER),
    label("") + cells(nodes.map(() => "  │")),
    label("node") + cells(nodes.map(({ name }) => name)),
    label("") + cells(nodes.map(({ ipv4 }) => ipv4)),
    ...pools.map(
      (pool, index) =>
        label(pool.name) + cells(nodes.map((node) => node.blocks[index]?.cidr ?? "")),
    ),
    label("pods") + cells(nodes.map(({ pods }) => pods.map(({ name }) => name).join(" "))),
  ];
  return lines.map((line) => `${line.trimEnd()}\n`).join("");
}

export function syncText({ agents, milliseconds, nodes }: SyncReport): string {
  const least = (key: "routes" | "neighbours" | "fdb"): number =>
    Math.min(...nodes.map((node) => node[key]));
  const seconds = (milliseconds / 1_000).toFixed(2);
  return (
    ` ✓ ${plural(agents, "agent")} in sync after ${seconds} s: on each node ` +
    `${plural(least("routes"), "route")}, ${plural(least("neighbours"), "neighbour")}, ` +
    `${least("fdb")} FDB entries\n`
  );
}

/** A table for each pool; a cell stands for all the pods of one node to those of another. */
export function drawMatrix(topology: Topology, pairs: readonly PairReport[]): string {
  const names = topology.nodes.map(({ name }) => name);
  const head = ` ${"from \\ to".padEnd(11)}${names.map((name) => name.padEnd(COLUMN)).join("")}`;
  const tables = topology.pools.map((pool) => {
    const rows = topology.nodes.map((from) => {
      const cells = topology.nodes.map((to) => {
        const inCell = pairs.filter(
          (pair) =>
            pair.pool === pool.name &&
            from.pods.some(({ name }) => name === pair.from) &&
            to.pods.some(({ name }) => name === pair.to),
        );
        return drawCell(inCell).padEnd(COLUMN);
      });
      return `   ${from.name.padEnd(9)}${cells.join("")}`.trimEnd();
    });
    return [` ${pool.name}: ${pool.cidr}, ${poolInWords(pool)}`, ...rows].join("\n");
  });
  const legend = " each cell: path, round trip, largest packet that passed with DF set";
  return `${[head.trimEnd(), ...tables, legend].join("\n")}\n`;
}

/** "vxlan  12 µs 1450", or how many of the cell's pairs are silent. */
function drawCell(pairs: readonly PairReport[]): string {
  if (pairs.length === 0) return "·";
  const times = pairs
    .flatMap(({ probe }) => (probe.milliseconds === undefined ? [] : [probe.milliseconds]))
    .sort((a, b) => a - b);
  if (times.length < pairs.length)
    return `✗ ${pairs.length - times.length} of ${pairs.length} lost`;
  const median = times[Math.floor(times.length / 2)] ?? 0;
  const path = [...new Set(pairs.map(({ taken }) => taken))].join("/");
  const largest = Math.min(...pairs.map(({ probe }) => probe.largest ?? 0));
  return `${path.padEnd(6)} ${timeText(median).padStart(6)} ${largest}`;
}

function timeText(milliseconds: number): string {
  return milliseconds < 1 ? `${Math.round(milliseconds * 1_000)} µs` : duration(milliseconds);
}

export function checkText({ ok, text, details }: DemoCheck): string {
  const lines = [
    ` ${ok ? "✓" : "✗"} ${text}`,
    ...(ok ? [] : details.map((line) => `     ${line}`)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

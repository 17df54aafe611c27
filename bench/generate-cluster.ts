/** Writes a simulated cluster as a file datastore. Usage: see USAGE, or bench/README.md. */
import { parseArgs } from "node:util";
import type { Family } from "../encap/address/ip-address.ts";
import { Cluster, type PoolChoice } from "./cluster/cluster.ts";
import { type Layout, writeDatastore } from "./cluster/write-datastore.ts";

const USAGE = `usage: node bench/run.mjs generate-cluster DIRECTORY [options]

Writes a file datastore that \`causeway run --node node-00000 --datastore file:DIRECTORY\` reads.
The same options give the same files.

  --nodes N          nodes, node-00000 upwards (100)
  --blocks M         blocks of each node and family (20)
  --families LIST    4, 6 or 4,6 (4)
  --pools LIST       one pool for each: ENCAP:MODE with ENCAP vxlan or ipip and MODE Always,
                     CrossSubnet or Never (vxlan:Always)
  --local FRACTION   part of the nodes in the subnet of node-00000, 0 to 1 (0.1)
  --large-blocks K   node-00001 and the last node have K blocks instead (0: no)
  --layout LAYOUT    json: List files of 1,000 resources; yaml: the same as YAML documents;
                     per-node: one JSON file for each node and its blocks (json)
  --full             records as in a real Calico cluster, with 64 allocations per block
  --seed S           whose block is where (1)`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: "string", default: "100" },
    blocks: { type: "string", default: "20" },
    families: { type: "string", default: "4" },
    pools: { type: "string", default: "vxlan:Always" },
    local: { type: "string", default: "0.1" },
    "large-blocks": { type: "string", default: "0" },
    layout: { type: "string", default: "json" },
    full: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    help: { type: "boolean", default: false },
  },
});

function numberOf(flag: string, text: string, allowed: (value: number) => boolean): number {
  const value = Number(text);
  if (text.trim() === "" || !allowed(value)) throw new Error(`--${flag} ${text} is not possible`);
  return value;
}

function oneOf<Choice extends string>(flag: string, text: string, all: readonly Choice[]): Choice {
  const choice = all.find((candidate) => candidate === text);
  if (choice === undefined) throw new Error(`--${flag} ${text} is none of ${all.join(", ")}`);
  return choice;
}

function poolChoice(text: string): PoolChoice {
  const [encap = "", mode = ""] = text.split(":");
  return {
    encap: oneOf("pools", encap, ["vxlan", "ipip"]),
    mode: oneOf("pools", mode, ["Always", "CrossSubnet", "Never"]),
  };
}

function main(): void {
  const [directory, ...rest] = positionals;
  if (values.help || directory === undefined || rest.length > 0) {
    console.log(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 0;
  const start = performance.now();
  const cluster = new Cluster({
    seed: numberOf("seed", values.seed, isCount),
    nodes: numberOf("nodes", values.nodes, isCount),
    blocksPerNode: numberOf("blocks", values.blocks, isCount),
    families: values.families
      .split(",")
      .map((family): Family => (oneOf("families", family, ["4", "6"]) === "4" ? 4 : 6)),
    pools: values.pools.split(",").map(poolChoice),
    localFraction: numberOf("local", values.local, (value) => value >= 0 && value <= 1),
    largeBlocks: numberOf("large-blocks", values["large-blocks"], isCount),
  });
  const written = writeDatastore(cluster, directory, {
    layout: oneOf<Layout>("layout", values.layout, ["json", "yaml", "per-node"]),
    detail: values.full ? "full" : "minimal",
  });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${written.resources} resources in ${written.files} files, ` +
      `${(written.bytes / 1e6).toFixed(1)} MB, ${seconds} s: ${directory}`,
  );
}

try {
  main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

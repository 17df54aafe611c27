// What the kernel of a namespace holds, for comparing two namespaces, or one at two times: links with all their
// parameters, addresses, routes of all tables, permanent neighbours, FDB rows, nexthop objects and sysctls. Numbers and
// addresses that the kernel picks for itself are left out, and so is what it learns from packets.

import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inNetworkNamespace } from "../../src/demo/network-namespace.ts";
import { CAUSEWAY_DEVICES } from "../../tunnels/kernel/ownership.ts";

/** Name of an object, such as `route 10.244.1.0/26` -> all that is known of it. */
export type KernelDump = ReadonlyMap<string, string>;

type Row = Readonly<Record<string, unknown>>;

export async function dumpKernel(namespace: string): Promise<KernelDump> {
  const [general, fdb] = await Promise.all([
    ask("ip", ["-n", namespace, "-d", "-j", "-batch", "-"], QUESTIONS.join("\n")),
    ask("bridge", ["-n", namespace, "-d", "-j", "fdb", "show"], ""),
  ]);
  const [links = [], addresses = [], neighbours = [], nexthops = [], routes = []] = general;
  const rename = addressesOfOthers(links, addresses);
  const found = new Map<string, string[]>();
  const add = (name: string, row: unknown): void => {
    const key = rename(name);
    found.set(key, [...(found.get(key) ?? []), rename(JSON.stringify(row))]);
  };
  for (const row of links) add(`link ${row["ifname"]}`, without(row, LINK_FACTS));
  for (const { ifname, addr_info } of addresses) {
    for (const row of addr_info as Row[]) {
      const name = `address ${row["local"]}/${row["prefixlen"]} on ${ifname}`;
      add(name, without(row, ADDRESS_FACTS));
    }
  }
  for (const row of neighbours) {
    const isLearnt = !(row["state"] as string[]).includes("PERMANENT");
    if (!isLearnt) add(`neighbour ${row["dst"]} on ${row["dev"]}`, row);
  }
  for (const row of nexthops) add(`nexthop ${row["gateway"]} on ${row["dev"]}`, row);
  for (const row of routes) {
    const type = row["type"] === "unicast" ? "" : `${row["type"]} `;
    const table = row["table"] === "main" ? "" : ` of table ${row["table"]}`;
    add(`route ${type}${row["dst"]}${table}`, without(row, ["expires"]));
  }
  for (const row of fdb[0] ?? []) {
    // A link lists the multicast groups that it hears in the same place.
    const isGroup = (Number.parseInt(String(row["mac"]), 16) & 1) === 1;
    if (!isGroup) add(`FDB entry ${row["mac"]} on ${row["ifname"]}`, row);
  }
  for (const [name, value] of readSysctls(namespace)) add(`sysctl ${name}`, value);
  return new Map([...found].map(([name, rows]) => [name, rows.sort().join(" and ")]));
}

/** Names of the objects that differ: "- gone", "+ new", "~ changed: before -> after". */
export function dumpDifference(before: KernelDump, after: KernelDump): string[] {
  const lines: string[] = [];
  for (const [name, row] of before) {
    const now = after.get(name);
    if (now === undefined) lines.push(`- ${name}`);
    else if (now !== row) lines.push(`~ ${name}: ${row} -> ${now}`);
  }
  for (const name of after.keys()) if (!before.has(name)) lines.push(`+ ${name}`);
  return lines.sort();
}

const QUESTIONS = [
  "link show",
  "address show",
  "neighbour show",
  "nexthop show",
  "route show table all",
] as const;

const LINK_FACTS = ["ifindex", "link_index", "link_netnsid", "stats64"] as const;
/** Among them whether duplicate address detection is still under way. */
const ADDRESS_FACTS = ["valid_life_time", "preferred_life_time", "tentative"] as const;

function without(row: Row, names: readonly string[]): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;

/** Replaces MACs that the kernel drew for links that are not ours, and the addresses that come of them. */
function addressesOfOthers(links: readonly Row[], addresses: readonly Row[]) {
  const words = new Map<string, string>();
  for (const { ifname, address } of links) {
    // Of a tunnel device without an Ethernet header it is an IP address, "::" even.
    if (!MAC.test(String(address))) continue;
    if (!CAUSEWAY_DEVICES.isOurs(String(ifname))) words.set(String(address), `MAC of ${ifname}`);
  }
  for (const { ifname, addr_info } of addresses) {
    if (CAUSEWAY_DEVICES.isOurs(String(ifname))) continue;
    for (const { local, scope } of addr_info as Row[]) {
      if (scope === "link") words.set(String(local), `link-local address of ${ifname}`);
    }
  }
  words.delete("00:00:00:00:00:00");
  const pattern = new RegExp([...words.keys()].join("|"), "g");
  return (text: string): string => text.replace(pattern, (found) => words.get(found) ?? found);
}

/** The answers of a batch, one for each command. */
function ask(command: string, args: readonly string[], input: string): Promise<Row[][]> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error !== null) return reject(new Error(`${command} ${args.join(" ")}: ${stderr}`));
      const answers = stdout.split(/^(?=\[)/m).map((text) => JSON.parse(text) as Row[]);
      resolve(answers.map((rows) => rows.filter((row) => Object.keys(row).length > 0)));
    });
    // Not every command reads what it is given.
    child.stdin?.on("error", () => {});
    child.stdin?.end(`${input}\n`);
  });
}

/** Everything that can be read below /proc/sys/net, except counters. */
function readSysctls(namespace: string): Map<string, string> {
  const values = new Map<string, string>();
  const read = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) read(path);
      else {
        try {
          values.set(path.slice("/proc/sys/".length), readFileSync(path, "utf8").trim());
        } catch {
          // Some can only be written, and some have no value yet.
        }
      }
    }
  };
  inNetworkNamespace(namespace, () => {
    read("/proc/sys/net/ipv4");
    read("/proc/sys/net/ipv6");
  });
  return values;
}

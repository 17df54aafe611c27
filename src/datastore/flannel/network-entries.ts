/**
 * flannel's network configuration in the words of the model: one pool for each family, and the
 * numbers of VXLAN as the settings of all nodes.
 */
import type { Family } from "../../../encap/address/ip-address.ts";
import { encapOverhead } from "../../../encap/encap-mode.ts";
import type { IpPool } from "../../../tunnels/model/ip-pool.ts";
import type { FelixConfiguration } from "../../../tunnels/model/overlay-settings.ts";
import type { Resource, ResourceKind } from "../../../tunnels/model/snapshot.ts";
import { reasonOf } from "../../errors.ts";
import { type Entry, type EntryProblem, entryOf } from "../entry.ts";
import { ProblemList } from "../record-problem.ts";
import { entryProblem, unreadableRemote } from "../remote-entry.ts";
import { type FlannelNetwork, readNetwork } from "./network.ts";

const POOLS: Readonly<Record<Family, string>> = { 4: "flannel", 6: "flannel-v6" };

/** A resource that the configuration stands for, and the part of it that is named as its place. */
const PARTS: readonly { kind: ResourceKind; name: string; part: string }[] = [
  { kind: "FelixConfiguration", name: "default", part: "Backend" },
  { kind: "IPPool", name: POOLS[4], part: "Network" },
  { kind: "IPPool", name: POOLS[6], part: "IPv6Network" },
];

export function poolOf(network: FlannelNetwork, family: Family): IpPool | undefined {
  const range = network.ranges[family];
  return (
    range && {
      kind: "IPPool",
      name: POOLS[family],
      cidr: range.network,
      encap: "vxlan",
      mode: network.directRouting ? "CrossSubnet" : "Always",
      routed: true,
      natOutgoing: false,
    }
  );
}

export function settingsOf({ vni, port, mtu }: FlannelNetwork): FelixConfiguration {
  const tunnelMtu = (family: Family): number => mtu - encapOverhead("vxlan", family);
  const mtus = mtu === 0 ? {} : { vxlanMtu: tunnelMtu(4), vxlanMtu6: tunnelMtu(6) };
  return {
    kind: "FelixConfiguration",
    name: "default",
    settings: { vxlanVni: vni, vxlanPort: port, ...mtus },
  };
}

/** Where the entry of a resource that comes from the configuration stands; undefined for nodes. */
export function placeInNetwork(
  { kind, name }: Pick<Resource, "kind" | "name">,
  where: string,
): string | undefined {
  const found = PARTS.find((one) => one.kind === kind && one.name === name);
  return found && placeOf(where, found.part);
}

/**
 * The configuration as entries, one for each resource that it can stand for, with or without it.
 * @param where the configuration stands: an etcd key, a file
 */
export function networkEntries(text: string, where: string): Entry[] {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    return PARTS.map(({ kind, name, part }, at) => {
      const place = { key: placeOf(where, part), kind, name };
      // Said once.
      const reason = at === 0 ? `not JSON: ${reasonOf(error)}` : "see Backend";
      return unreadableRemote(place, reason);
    });
  }
  const list = new ProblemList();
  const network = readNetwork(raw, list);
  const problems = list.items.map((problem) => entryProblem(problem, false));
  const resources = network && [settingsOf(network), poolOf(network, 4), poolOf(network, 6)];
  return PARTS.map(({ kind, name, part }, at) => {
    const key = placeOf(where, part);
    const own = at === 0 ? problems : refusedElsewhere(problems);
    const resource = resources?.[at];
    if (resource !== undefined) {
      return { ...entryOf(resource, key, { a: 0, b: 0 }, 0), problems: at === 0 ? problems : [] };
    }
    const entry = unreadableRemote({ key, kind, name }, "");
    return { ...entry, problems: network === undefined ? own : [] };
  });
}

/** A part that is right is of no use without the others; it keeps its last good version, too. */
function refusedElsewhere(problems: readonly EntryProblem[]): EntryProblem[] {
  const isRefused = problems.some(({ severity }) => severity === "error");
  const reason = "the configuration is refused as a whole";
  return isRefused ? [{ severity: "error", lineOffset: 0, reason }] : [];
}

function placeOf(where: string, part: string): string {
  return `${where} ${part}`;
}

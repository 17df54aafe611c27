/** Probes every pair of a site, and judges what came out. */

import type { DemoCheck, PairReport } from "./demo-report.ts";
import { familyName } from "./demo-words.ts";
import { allPairs, echoPath, pathsTaken } from "./pairs.ts";
import { type PathProbe, probePaths } from "./probe.ts";
import type { Site } from "./site.ts";

const DETAILS = 5;
const NOT_PROBED: PathProbe = {
  milliseconds: undefined,
  reason: "not probed",
  largest: undefined,
  beyond: undefined,
};

export async function probePairs(site: Site): Promise<PairReport[]> {
  const { topology, namespaces } = site;
  const pairs = allPairs(topology);
  const taken = await pathsTaken(pairs, topology, namespaces);
  const paths = pairs.map((pair) => echoPath(pair, namespaces));
  const probes = await probePaths(paths, topology.podMtu);
  return pairs.map(({ pool, from, to, source, target, wanted, mtu }, at) => ({
    pool: pool.name,
    family: pool.family,
    from: from.name,
    to: to.name,
    source,
    target,
    wanted,
    taken: taken[at] ?? "none",
    mtu,
    probe: probes[at] ?? NOT_PROBED,
  }));
}

export function pairChecks(pairs: readonly PairReport[]): DemoCheck[] {
  return [checkReachable(pairs), checkPaths(pairs), checkSizes(pairs)];
}

function checkReachable(pairs: readonly PairReport[]): DemoCheck {
  const silent = pairs.filter(({ probe }) => probe.milliseconds === undefined);
  const families = [...new Set(pairs.map(({ family }) => familyName(family)))].join(" and ");
  return {
    ok: silent.length === 0,
    text: `${pairs.length - silent.length} of ${pairs.length} pairs reachable, ${families}`,
    details: details(silent, ({ probe }) => probe.reason ?? "no answer"),
  };
}

function checkPaths(pairs: readonly PairReport[]): DemoCheck {
  const wrong = pairs.filter(({ taken, wanted }) => taken !== wanted);
  return {
    ok: wrong.length === 0,
    text:
      wrong.length === 0
        ? "every pair takes the path that its pool asks for"
        : `${wrong.length} of ${pairs.length} pairs take another path than their pool asks for`,
    details: details(wrong, ({ taken, wanted }) => `${taken} instead of ${wanted}`),
  };
}

function checkSizes(pairs: readonly PairReport[]): DemoCheck {
  const reachable = pairs.filter(({ probe }) => probe.milliseconds !== undefined);
  // A packet over the pod's own MTU never leaves the pod, so there nothing refuses it on the way.
  const wrong = reachable.filter(
    ({ probe, mtu }) =>
      probe.largest !== mtu || (probe.beyond !== undefined && probe.beyond !== "EMSGSIZE"),
  );
  return {
    ok: wrong.length === 0,
    text:
      wrong.length === 0
        ? `largest packets: ${sizesInWords(reachable)}; more is refused`
        : `${wrong.length} of ${reachable.length} pairs carry another size than they should`,
    details: details(
      wrong,
      ({ probe, mtu }) => `${probe.largest} passes, not ${mtu}; more: ${probe.beyond}`,
    ),
  };
}

/** "direct 1500, vxlan 1450, vxlan over IPv6 1430". */
function sizesInWords(pairs: readonly PairReport[]): string {
  const sizes = new Map<string, number>();
  for (const { wanted, family, mtu } of pairs) {
    const isLonger = family === 6 && wanted === "vxlan";
    if (wanted !== "local") sizes.set(isLonger ? `${wanted} over IPv6` : wanted, mtu);
  }
  return [...sizes].map(([path, mtu]) => `${path} ${mtu}`).join(", ");
}

function details(pairs: readonly PairReport[], why: (pair: PairReport) => string): string[] {
  const lines = pairs
    .slice(0, DETAILS)
    .map((pair) => `${pair.from} ${pair.source} → ${pair.to} ${pair.target}: ${why(pair)}`);
  return pairs.length > DETAILS ? [...lines, `and ${pairs.length - DETAILS} more`] : lines;
}

/** IPPool: a range that workloads draw from. */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { IpPool, PoolMode } from "../../tunnels/model/ip-pool.ts";
import type { ProblemList } from "./record-problem.ts";

export interface RawIpPool {
  readonly spec: {
    readonly cidr: string;
    readonly vxlanMode?: PoolMode | "" | null;
    readonly ipipMode?: PoolMode | "" | null;
    readonly natOutgoing?: boolean | null;
    readonly blockSize?: number | null;
    readonly allowedUses?: readonly string[] | null;
  };
}

/** Reads a record whose shape is right. Undefined where `problems` says why. */
export function readIpPool(
  name: string,
  raw: RawIpPool,
  problems: ProblemList,
): IpPool | undefined {
  const { spec } = raw;
  const cidr = problems.attempt(["spec", "cidr"], spec.cidr, parseCidr);
  const vxlan = spec.vxlanMode || "Never";
  const ipip = spec.ipipMode || "Never";
  if (vxlan !== "Never" && ipip !== "Never") {
    problems.error(["spec", "ipipMode"], `vxlanMode is ${vxlan}; one of them must be Never`, ipip);
  }
  if (cidr?.family === 6 && ipip !== "Never") {
    problems.error(["spec", "ipipMode"], "IP-in-IP carries IPv4 only; use vxlanMode", ipip);
  }
  if (cidr !== undefined && spec.blockSize) checkBlockSize(cidr, spec.blockSize, problems);
  if (cidr === undefined || problems.hasErrors) return undefined;
  const encap: EncapMode = vxlan !== "Never" ? "vxlan" : ipip !== "Never" ? "ipip" : "none";
  const uses = spec.allowedUses ?? [];
  return {
    kind: "IPPool",
    name,
    cidr,
    encap,
    mode: encap === "vxlan" ? vxlan : ipip,
    routed: uses.length === 0 || uses.some((use) => use !== "LoadBalancer"),
    natOutgoing: spec.natOutgoing ?? false,
  };
}

function checkBlockSize(cidr: Cidr, size: number, problems: ProblemList): void {
  const [least, most] = cidr.family === 4 ? [20, 32] : [116, 128];
  if (size < least || size > most) {
    problems.error(["spec", "blockSize"], `not in ${least} to ${most} (IPv${cidr.family})`, size);
  } else if (size < cidr.length) {
    problems.error(["spec", "blockSize"], `a block would be larger than the pool ${cidr}`, size);
  }
}

/** What an IPPool record says to address management. */
import { addressBits } from "../../encap/address/ip-address.ts";
import type { AddressPool, PoolUse } from "../../tunnels/ipam/pool.ts";
import { parseSelector } from "../../tunnels/ipam/selector.ts";
import { type RawIpPool, readIpPool } from "../datastore/record-ip-pool.ts";
import { formatFieldPath, ProblemList } from "../datastore/record-problem.ts";
import type { RecordValue } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";

interface PoolSpec {
  readonly blockSize?: number | null;
  readonly nodeSelector?: string | null;
  readonly allowedUses?: readonly string[] | null;
  readonly disabled?: boolean | null;
  readonly assignmentMode?: string | null;
}

/** Calico's: 64 addresses in each family. */
const BLOCK_BITS = 6;

/** @throws CausewayError `bad-resource` with the field that cannot be used */
export function readAddressPool({ metadata, spec }: RecordValue): AddressPool {
  const { name } = metadata;
  const problems = new ProblemList();
  const pool = readIpPool(name, { spec } as unknown as RawIpPool, problems);
  const rest = spec as PoolSpec;
  const selects = problems.attempt(
    ["spec", "nodeSelector"],
    rest.nodeSelector ?? "",
    parseSelector,
  );
  if (pool === undefined || selects === undefined) {
    const [first] = problems.items;
    const field = formatFieldPath(first?.path ?? []);
    throw new CausewayError("bad-resource", `IPPool "${name}": ${field} ${first?.reason}`);
  }
  const { cidr, encap } = pool;
  const usual = Math.max(cidr.length, addressBits(cidr.family) - BLOCK_BITS);
  return {
    name,
    cidr,
    encap,
    blockSize: rest.blockSize || usual,
    uses: usesOf(rest.allowedUses),
    disabled: rest.disabled === true || metadata["deletionTimestamp"] !== undefined,
    manual: rest.assignmentMode === "Manual",
    selects,
  };
}

function usesOf(allowed: readonly string[] | null | undefined): readonly PoolUse[] {
  const both: readonly PoolUse[] = ["Workload", "Tunnel"];
  return allowed?.length ? both.filter((use) => allowed.includes(use)) : both;
}

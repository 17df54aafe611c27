/** IPAMBlock: a slice of a pool, and the addresses of it that other nodes use. */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import { addressBits, IpAddress } from "../../encap/address/ip-address.ts";
import type { Block, BorrowedAddress } from "../../tunnels/model/block.ts";
import type { ProblemList } from "./record-problem.ts";

export interface RawBlock {
  readonly spec: {
    readonly cidr: string;
    readonly affinity?: string | null;
    readonly hostAffinity?: string | null;
    readonly allocations?: readonly (number | null)[] | null;
    readonly attributes?:
      | readonly ({ readonly secondary?: { readonly node?: string | null } | null } | null)[]
      | null;
    readonly deleted?: boolean | string | null;
  };
}

const DASH = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;

const noBorrowed: readonly BorrowedAddress[] = [];

const scratch = Buffer.alloc(64);

/** Name of a block's record where it gives none: the prefix with `.`, `:` and `/` as `-`. */
export function defaultBlockName(cidr: string): string {
  if (cidr.length > scratch.length) return cidr.replace(/[.:/]/g, "-");
  // A quarter of the time that an expression takes, of which a first list has a hundred thousand.
  for (let at = 0; at < cidr.length; at++) {
    const code = cidr.charCodeAt(at);
    if (code > 0x7f) return cidr.replace(/[.:/]/g, "-");
    scratch[at] = code === DOT || code === COLON || code === SLASH ? DASH : code;
  }
  return scratch.toString("latin1", 0, cidr.length);
}

/** Reads a record whose shape is right. Undefined where `problems` says why. */
export function readBlock(name: string, raw: RawBlock, problems: ProblemList): Block | undefined {
  const { spec } = raw;
  const cidr = problems.attempt(["spec", "cidr"], spec.cidr, parseCidr);
  const node = affineNode(raw, problems);
  if (cidr === undefined || problems.hasErrors) return undefined;
  return { kind: "IPAMBlock", name, cidr, node, borrowed: borrowedOf(raw, cidr, node, problems) };
}

function affineNode({ spec }: RawBlock, problems: ProblemList): string | undefined {
  const { affinity } = spec;
  if (affinity === undefined || affinity === null || affinity === "") {
    return spec.hostAffinity ? shared(spec.hostAffinity) : undefined;
  }
  if (affinity.startsWith("host:") && affinity.length > 5) return shared(affinity.slice(5));
  if (affinity.startsWith("virtual:")) return undefined;
  problems.error(["spec", "affinity"], "must be host:NAME of a node, or virtual:NAME", affinity);
  return undefined;
}

function borrowedOf(
  { spec }: RawBlock,
  cidr: Cidr,
  owner: string | undefined,
  problems: ProblemList,
): readonly BorrowedAddress[] {
  const { allocations, attributes } = spec;
  if (!allocations || !attributes) return noBorrowed;
  const size = 2 ** (addressBits(cidr.family) - cidr.length);
  const borrowed: BorrowedAddress[] = [];
  for (let ordinal = 0; ordinal < allocations.length; ordinal++) {
    const index = allocations[ordinal];
    if (index === null || index === undefined) continue;
    const node = attributes[index]?.secondary?.node;
    if (!node || node === owner) continue;
    if (ordinal >= size) {
      const path = ["spec", "allocations", ordinal];
      problems.warn(path, `${cidr} has only ${size} addresses; the rest is ignored`);
      break;
    }
    borrowed.push({ address: nthAddress(cidr, ordinal), node: shared(node) });
  }
  return borrowed.length === 0 ? noBorrowed : borrowed;
}

/** Ordinals are below 2^32 and the host bits of a prefix are zero: no carry between words. */
function nthAddress({ address, family }: Cidr, ordinal: number): IpAddress {
  if (family === 4) return new IpAddress(4, address.w0 + ordinal);
  return new IpAddress(6, address.w0, address.w1, address.w2, address.w3 + ordinal);
}

const sharedNames = new Map<string, string>();

/** One string for all blocks of a node: 100,000 blocks name only some thousand nodes. */
function shared(name: string): string {
  const known = sharedNames.get(name);
  if (known !== undefined) return known;
  if (sharedNames.size > 50_000) sharedNames.clear();
  sharedNames.set(name, name);
  return name;
}

/**
 * A shortcut for the bulk of a large cluster: blocks as Calico writes them whose addresses are all
 * used by their own node. What is read of those is a prefix and a node; to parse and check a hundred
 * fields for it takes several times as long as the rest of a first list.
 *
 * One expression recognises the whole text, field by field. Whatever it does not recognise (an
 * escape, a space, a field or a value of another kind) is read the long way, and so is every block
 * that lends an address.
 */
import { parseCidr } from "../../../encap/address/cidr.ts";
import type { Block, BorrowedAddress } from "../../../tunnels/model/block.ts";

const TEXT = String.raw`"[^"\\\x00-\x1f]*"`;
const NUMBER = String.raw`(?:0|[1-9]\d{0,14})`;
const ORDINALS = String.raw`\[(?:${NUMBER}(?:,${NUMBER})*)?\]`;
const ALLOCATIONS = String.raw`\[(?:(?:null|${NUMBER})(?:,(?:null|${NUMBER}))*)?\]`;
const PAIRS = `\\{(?:${TEXT}:${TEXT}(?:,${TEXT}:${TEXT})*)?\\}`;
const COUNTS = `\\{(?:${TEXT}:${NUMBER}(?:,${TEXT}:${NUMBER})*)?\\}`;
const ATTRIBUTE = `\\{"handle_id":(?:${TEXT}|null),"secondary":(?:${PAIRS}|null)\\}`;
const FIELDS = [
  `"affinity_claim_time":${TEXT}`,
  `"allocations":${ALLOCATIONS}`,
  `"unallocated":${ORDINALS}`,
  `"attributes":\\[(?:${ATTRIBUTE}(?:,${ATTRIBUTE})*)?\\]`,
  `"sequenceNumber":${NUMBER}`,
  `"sequenceNumberForAllocation":${COUNTS}`,
  `"deleted":false`,
];
const PLAIN = new RegExp(
  String.raw`^\{"cidr":"([\d.]+/\d+|[\da-f:]+/\d+)","affinity":"host:([^"\\\x00-\x1f]+)"` +
    `(?:,(?:${FIELDS.join("|")}))*\\}$`,
);
const NODE = '"node":"';
const none: readonly BorrowedAddress[] = [];

/**
 * The block, or undefined where the text has to be read the long way.
 * @param cidr what the key says
 */
export function readPlainBlock(name: string, cidr: string, text: string): Block | undefined {
  const [, found, node] = PLAIN.exec(text) ?? [];
  if (found !== cidr || node === undefined) return undefined;
  const own = `${node}"`;
  for (let at = text.indexOf(NODE); at >= 0; at = text.indexOf(NODE, at + 1)) {
    if (!text.startsWith(own, at + NODE.length)) return undefined;
  }
  try {
    return { kind: "IPAMBlock", name, cidr: parseCidr(cidr), node: shared(node), borrowed: none };
  } catch {
    return undefined;
  }
}

const sharedNames = new Map<string, string>();

/** One string for all blocks of a node; a part of a text would keep the whole of it in memory. */
function shared(part: string): string {
  const known = sharedNames.get(part);
  if (known !== undefined) return known;
  if (sharedNames.size > 50_000) sharedNames.clear();
  const name = Buffer.from(part).toString();
  sharedNames.set(name, name);
  return name;
}

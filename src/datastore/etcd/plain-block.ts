/**
 * A shortcut for the bulk of a large cluster: blocks as Calico writes them whose addresses are all
 * used by their own node. What is read of those is a prefix and a node; to parse and check a hundred
 * fields for it takes several times as long as the rest of a first list.
 *
 * One expression recognises the whole text, field by field. Whatever it does not recognise (an
 * escape, a space, a letter outside ASCII, a field or a value of another kind) is read the long way,
 * and so is every block that lends an address.
 */
import { parseCidr } from "../../../encap/address/cidr.ts";
import type { Block, BorrowedAddress } from "../../../tunnels/model/block.ts";
import { defaultBlockName } from "../record-block.ts";
import type { TextPart } from "./range-page.ts";

const TEXT = '"[ !#-[\\]-~]*"';
const NUMBER = "(?:0|[1-9]\\d{0,14})";
const ORDINALS = `\\[(?:${NUMBER}(?:,${NUMBER})*)?\\]`;
const ALLOCATIONS = `\\[(?:(?:null|${NUMBER})(?:,(?:null|${NUMBER}))*)?\\]`;
/** Of another node it is lent. */
const PAIR = `(?:"node":"\\1"|(?!"node")${TEXT}:${TEXT})`;
const PAIRS = `\\{(?:${PAIR}(?:,${PAIR})*)?\\}`;
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
const CIDR = '{"cidr":"';
const AFFINITY = '","affinity":"host:';
const PLAIN = new RegExp(
  `\\${CIDR}[\\d.:a-f]+/\\d+${AFFINITY}([ !#-[\\]-~]+)"(?:,(?:${FIELDS.join("|")}))*\\}`,
  "y",
);
const none: readonly BorrowedAddress[] = [];

/**
 * The block, or undefined where the text has to be read the long way.
 * @param place what the key says, "10.77.3.64-26"
 */
export function readPlainBlock(place: string, { text, from, to }: TextPart): Block | undefined {
  PLAIN.lastIndex = from;
  if (!PLAIN.test(text) || PLAIN.lastIndex !== to) return undefined;
  const cidrStart = from + CIDR.length;
  const cidrEnd = cidrStart + place.length;
  const cidr = text.slice(cidrStart, cidrEnd);
  if (text[cidrEnd] !== '"' || !isPlaceOf(place, cidr)) return undefined;
  const nodeStart = cidrEnd + AFFINITY.length;
  const node = shared(text.slice(nodeStart, text.indexOf('"', nodeStart)));
  const name = defaultBlockName(place);
  try {
    return { kind: "IPAMBlock", name, cidr: parseCidr(cidr), node, borrowed: none };
  } catch {
    return undefined;
  }
}

/** "10.77.3.64-26" and "10.77.3.64/26". */
function isPlaceOf(place: string, cidr: string): boolean {
  const slash = place.lastIndexOf("-");
  return (
    cidr[slash] === "/" &&
    cidr.startsWith(place.slice(0, slash)) &&
    cidr.endsWith(place.slice(slash + 1))
  );
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

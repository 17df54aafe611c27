/** What would be left hanging if a record went. */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { RecordStore, RecordValue } from "../datastore/record-store.ts";

/** One line each; none where the record can go. */
export async function removalObstacles(store: RecordStore, record: RecordValue): Promise<string[]> {
  const { kind, metadata, spec } = record;
  switch (kind) {
    case "IPPool":
      return (await blocksIn(store, String(spec["cidr"]))).map(blockText);
    case "Node":
      return (await blocksOf(store, metadata.name)).map(blockText);
    case "IPAMBlock": {
      const used = addressesInUse(record);
      return used === 0 ? [] : [`${used} of its addresses ${used === 1 ? "is" : "are"} in use`];
    }
    default:
      return [];
  }
}

/** Blocks inside a pool's range. */
export async function blocksIn(store: RecordStore, range: string): Promise<RecordValue[]> {
  const pool = readCidr(range);
  if (pool === undefined) return [];
  return (await blocks(store)).filter(({ spec }) => {
    const block = readCidr(String(spec["cidr"]));
    return block !== undefined && pool.covers(block);
  });
}

async function blocksOf(store: RecordStore, node: string): Promise<RecordValue[]> {
  return (await blocks(store)).filter((block) => ownerOf(block) === node);
}

async function blocks(store: RecordStore): Promise<RecordValue[]> {
  const all = (await store.list("IPAMBlock")).map(({ value }) => value);
  return all.filter(({ spec }) => spec["deleted"] !== true && spec["deleted"] !== "true");
}

/** The node that a block is affine to. */
export function ownerOf({ spec }: RecordValue): string | undefined {
  const { affinity, hostAffinity } = spec;
  if (typeof affinity === "string" && affinity.startsWith("host:")) return affinity.slice(5);
  return !affinity && typeof hostAffinity === "string" ? hostAffinity : undefined;
}

export function addressesInUse({ spec }: RecordValue): number {
  const { allocations } = spec;
  return Array.isArray(allocations) ? allocations.filter((one) => one !== null).length : 0;
}

function blockText(block: RecordValue): string {
  const owner = ownerOf(block);
  return `block ${block.spec["cidr"]}${owner === undefined ? "" : ` of node ${owner}`}`;
}

function readCidr(text: string): Cidr | undefined {
  try {
    return parseCidr(text);
  } catch {
    return undefined;
  }
}

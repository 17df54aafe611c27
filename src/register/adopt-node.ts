/**
 * A node that has another name now: what it had under the former one becomes its own, so that pods
 * keep their addresses. Blocks change hands one by one, each in the steps of a claim; the record of
 * the former name goes last, so that whoever is stopped in between finds the rest to do.
 */
import { parseCidr } from "../../encap/address/cidr.ts";
import { TUNNEL_KINDS } from "../../tunnels/desired/tunnel-role.ts";
import { hostAffinity, isOwnedBy, nextBlock } from "../../tunnels/ipam/allocation-block.ts";
import { tunnelOwner } from "../../tunnels/ipam/tunnel-owner.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { changeRecord } from "./change-record.ts";
import {
  affinityCidr,
  affinityName,
  affinityRecord,
  blockName,
  blockRecord,
  isHostAffinity,
  readAllocationBlock,
} from "./ipam-records.ts";
import { heldAddresses, releaseAddresses } from "./own-addresses.ts";
import { claimBlock } from "./own-blocks.ts";

/** @throws CausewayError of the store */
export async function adoptNode(store: RecordStore, former: string, node: string): Promise<void> {
  for (const { role } of TUNNEL_KINDS) {
    const { handle } = tunnelOwner(role, former);
    for (const cidr of (await heldAddresses(store, handle, new Map())).keys()) {
      await releaseAddresses(store, cidr, handle, new Map());
    }
  }
  for (const { value } of await store.list("BlockAffinity", { node: former })) {
    if (isHostAffinity(value, former)) {
      await adoptBlock(store, former, node, affinityCidr(value).toString());
    }
  }
  await changeRecord(store, "Node", former, (old) => old && "delete");
}

async function adoptBlock(
  store: RecordStore,
  former: string,
  node: string,
  cidr: string,
): Promise<void> {
  const pending = affinityRecord({ node, cidr, state: "pending" });
  await changeRecord(store, "BlockAffinity", affinityName(node, cidr), (old) =>
    old === undefined ? pending : undefined,
  );
  await changeRecord(store, "IPAMBlock", blockName(cidr), (old) => {
    const block = old && readAllocationBlock(old);
    if (block === undefined || !isOwnedBy(block, former)) return undefined;
    return blockRecord(nextBlock({ ...block, affinity: hostAffinity(node) }), old);
  });
  // Confirms the claim, or takes it back where the block is somebody else's.
  await claimBlock(store, node, parseCidr(cidr));
  await changeRecord(store, "BlockAffinity", affinityName(former, cidr), (old) => old && "delete");
}

// Nodes that register themselves in one record store, without anything around them.

import { parseAddressWithLength } from "../../encap/address/cidr.ts";
import type { RecordStore, RecordValue } from "../../src/datastore/record-store.ts";
import { type Registered, registerNode } from "../../src/register/register-node.ts";
import { SharedRecords } from "./memory-record-store.ts";

export function pool(
  name: string,
  cidr: string,
  spec: Readonly<Record<string, unknown>> = {},
): RecordValue {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "IPPool",
    metadata: { name },
    spec: { cidr, ...spec },
  };
}

export function vxlanPool(
  name: string,
  cidr: string,
  spec: Readonly<Record<string, unknown>> = {},
): RecordValue {
  return pool(name, cidr, { vxlanMode: "Always", ...spec });
}

/** Puts records into a store, replacing what is there. */
export function put(shared: SharedRecords, ...values: readonly RecordValue[]): void {
  for (const value of values) {
    shared.write(value, shared.get(value.kind, value.metadata.name)?.revision);
  }
}

/** Shared records with these in them. */
export function records(...values: readonly RecordValue[]): SharedRecords {
  const shared = new SharedRecords();
  put(shared, ...values);
  return shared;
}

/** One pass of a node whose links hold these addresses; "alder renamed" was alder before. */
export function register(
  store: RecordStore,
  node: string,
  ...addresses: readonly string[]
): Promise<Registered> {
  const held = addresses.map(parseAddressWithLength);
  return registerNode({
    store,
    node,
    machine: `machine of ${node.replace(/ renamed$/, "")}`,
    patience: 300,
    claimants: () => [node.replace(/ renamed$/, "")].filter((name) => name !== node),
    findAddress: async (family) => {
      const found = held.find(({ address }) => address.family === family);
      if (found === undefined) return { address: undefined, reason: "the test gave none" };
      const { address, length = 32 } = found;
      return { address, length, device: "eth0", how: "the test" };
    },
  });
}

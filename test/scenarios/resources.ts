// Resources that a topology does not make by itself.

import type { Resource } from "../../src/demo/topology-resources.ts";

export function felixConfiguration(spec: Readonly<Record<string, unknown>>): Resource {
  return {
    apiVersion: "projectcalico.org/v3",
    kind: "FelixConfiguration",
    metadata: { name: "default" },
    spec,
  };
}

/** The name that a topology gives to a block's record. */
export function blockName(cidr: string): string {
  return cidr.replaceAll(/[.:/]+/g, "-");
}

/** Any block, also of one address. */
export function addressBlock(cidr: string, node: string): Resource {
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "IPAMBlock",
    metadata: { name: blockName(cidr) },
    spec: { cidr, affinity: `host:${node}` },
  };
}

/** The block with its nth address in use by another node. */
export function borrow(block: Resource, ordinal: number, node: string): Resource {
  const allocations = Array.from({ length: ordinal + 1 }, (_, at) => (at === ordinal ? 0 : null));
  const attributes = [{ handle_id: "test", secondary: { node } }];
  return { ...block, spec: { ...block.spec, allocations, attributes } };
}

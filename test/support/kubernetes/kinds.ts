/**
 * The kinds that the test server can serve, and what a custom resource's schema demands of each: a
 * write that breaks it is answered with 422.
 */
import { Ajv, type ErrorObject } from "ajv";

export interface ServedKind {
  /** "" for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  /** What of an object breaks the schema. */
  readonly check: (object: unknown) => readonly ErrorObject[];
}

const text = { type: "string" };
const flag = { type: "boolean" };
const mode = { enum: ["Always", "CrossSubnet", "Never"] };

const poolSpec = {
  required: ["cidr"],
  properties: {
    cidr: text,
    vxlanMode: mode,
    ipipMode: mode,
    blockSize: { type: "integer" },
    natOutgoing: flag,
    disabled: flag,
    nodeSelector: text,
    allowedUses: { type: "array", items: text },
  },
};

const blockSpec = {
  required: ["cidr", "allocations", "unallocated", "attributes", "strictAffinity"],
  properties: {
    cidr: text,
    affinity: text,
    allocations: { type: "array", items: { type: "integer", nullable: true } },
    unallocated: { type: "array", items: { type: "integer" } },
    attributes: { type: "array", items: { type: "object" } },
    sequenceNumber: { type: "integer" },
    strictAffinity: flag,
    deleted: flag,
  },
};

const affinitySpec = (deleted: object) => ({
  required: ["cidr", "deleted", "node", "state"],
  properties: { cidr: text, deleted, node: text, state: text, type: text },
});

const handleSpec = {
  required: ["block", "handleID"],
  properties: {
    block: { type: "object", additionalProperties: { type: "integer" } },
    handleID: text,
    deleted: flag,
  },
};

const configSpec = {
  required: ["autoAllocateBlocks", "strictAffinity"],
  properties: {
    autoAllocateBlocks: flag,
    strictAffinity: flag,
    maxBlocksPerHost: { type: "integer" },
  },
};

const felixSpec = {
  properties: {
    vxlanEnabled: flag,
    ipipEnabled: flag,
    vxlanVNI: { type: "integer" },
    vxlanPort: { type: "integer" },
    vxlanMTU: { type: "integer" },
    routeRefreshInterval: text,
  },
};

const ajv = new Ajv({ allErrors: true, strict: false });

function served(
  apiVersion: string,
  plural: string,
  kind: string,
  spec: object = {},
  required: readonly string[] = ["spec"],
): ServedKind {
  const [group = "", version = ""] = apiVersion === "v1" ? ["", "v1"] : apiVersion.split("/");
  const properties = { spec: { type: "object", ...spec } };
  const validate = ajv.compile({ type: "object", required, properties });
  return {
    group,
    version,
    plural,
    kind,
    check: (object) => (validate(object) ? [] : (validate.errors ?? [])),
  };
}

const crd = "crd.projectcalico.org/v1";
const v3 = "projectcalico.org/v3";

export const allKinds: readonly ServedKind[] = [
  served("v1", "nodes", "Node", {}, []),
  served("v1", "configmaps", "ConfigMap", {}, []),
  served(crd, "ippools", "IPPool", poolSpec),
  served(crd, "ipamblocks", "IPAMBlock", blockSpec),
  served(crd, "blockaffinities", "BlockAffinity", affinitySpec(text)),
  served(crd, "ipamhandles", "IPAMHandle", handleSpec),
  served(crd, "ipamconfigs", "IPAMConfig", configSpec),
  served(crd, "felixconfigurations", "FelixConfiguration", felixSpec, []),
  served(v3, "ippools", "IPPool", poolSpec),
  served(v3, "ipamblocks", "IPAMBlock", blockSpec),
  served(v3, "blockaffinities", "BlockAffinity", affinitySpec(flag)),
  served(v3, "ipamhandles", "IPAMHandle", handleSpec),
  served(v3, "ipamconfigurations", "IPAMConfiguration", configSpec),
  served(v3, "felixconfigurations", "FelixConfiguration", felixSpec, []),
];

export function apiVersionOf({ group, version }: ServedKind): string {
  return group === "" ? version : `${group}/${version}`;
}

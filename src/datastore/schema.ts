/**
 * The shape of each kind as JSON schemas: types, enumerations, ranges, and the names of all fields
 * there are. What a field's text means (a prefix, an address) is read in record-*.ts.
 */
import type { ResourceKind } from "../../tunnels/model/snapshot.ts";
import { ignoredFelixFields } from "./schema-felix-fields.ts";

export type Schema = Readonly<Record<string, unknown>>;

const any: Schema = {};
const text: Schema = { type: "string", nullable: true };
const flag: Schema = { type: "boolean", nullable: true };
const texts: Schema = { type: "array", items: { type: "string" }, nullable: true };
const open: Schema = { type: "object", nullable: true };
const mode: Schema = { enum: ["Never", "Always", "CrossSubnet", "", null] };
const list = (items: Schema): Schema => ({ type: "array", items, nullable: true });
const whole = (minimum: number, maximum: number): Schema => ({
  type: "integer",
  minimum,
  maximum,
  nullable: true,
});
const fields = (properties: Record<string, Schema>): Schema => ({
  type: "object",
  properties,
  additionalProperties: false,
  nullable: true,
});

const metadata: Schema = {
  type: "object",
  properties: { name: { type: "string", minLength: 1 }, annotations: open, labels: open },
  nullable: true,
};

const poolSpec: Record<string, Schema> = {
  cidr: { type: "string" },
  vxlanMode: mode,
  ipipMode: mode,
  natOutgoing: flag,
  "nat-outgoing": flag,
  disabled: flag,
  disableBGPExport: flag,
  blockSize: { type: "integer", nullable: true },
  nodeSelector: text,
  namespaceSelector: text,
  allowedUses: list({ enum: ["Workload", "Tunnel", "LoadBalancer"] }),
  assignmentMode: { enum: ["Automatic", "Manual", "", null] },
  ipip: any,
};

const blockSpec: Record<string, Schema> = {
  cidr: { type: "string" },
  affinity: text,
  affinity_claim_time: any,
  affinityClaimTime: any,
  hostAffinity: text,
  allocations: list({ type: "integer", minimum: 0, nullable: true }),
  unallocated: list({ type: "integer" }),
  attributes: list({
    type: "object",
    nullable: true,
    properties: { secondary: { ...open, properties: { node: text } } },
  }),
  sequenceNumber: any,
  sequenceNumberForAllocation: any,
  deleted: { enum: [true, false, "true", "false", "", null] },
  strictAffinity: flag,
};

const nodeSpec: Record<string, Schema> = {
  bgp: fields({
    asNumber: any,
    ipv4Address: text,
    ipv6Address: text,
    ipv4IPIPTunnelAddr: text,
    routeReflectorClusterID: any,
  }),
  ipv4VXLANTunnelAddr: text,
  vxlanTunnelMACAddr: text,
  ipv6VXLANTunnelAddr: text,
  vxlanTunnelMACAddrV6: text,
  orchRefs: any,
  wireguard: any,
  addresses: list({ type: "object", properties: { address: text, type: text } }),
  interfaces: any,
  podCIDRs: texts,
};

const mtu = (least: number): Schema => ({
  type: "integer",
  nullable: true,
  anyOf: [{ const: 0 }, { minimum: least, maximum: 65535 }],
});

const felixSpec: Record<string, Schema> = {
  vxlanEnabled: flag,
  ipipEnabled: flag,
  vxlanVNI: whole(1, 0xffffff),
  vxlanPort: whole(1, 65535),
  vxlanMTU: mtu(576),
  vxlanMTUV6: mtu(1280),
  ipipMTU: mtu(576),
  deviceRouteSourceAddress: text,
  deviceRouteSourceAddressIPv6: text,
  routeRefreshInterval: { type: ["string", "number"], nullable: true },
  ...Object.fromEntries(ignoredFelixFields.map((name) => [name, any])),
};

function record(spec: Schema, required: readonly string[], status: Schema = any): Schema {
  return {
    type: "object",
    properties: { apiVersion: any, kind: any, metadata, spec, status },
    required,
    additionalProperties: false,
  };
}

const required = (spec: Record<string, Schema>): Schema => ({
  ...fields(spec),
  nullable: false,
  required: ["cidr"],
});

/** A core Node has some two hundred fields that are none of our business. */
const coreNode: Schema = {
  type: "object",
  properties: {
    metadata,
    spec: { ...open, properties: { podCIDR: text, podCIDRs: texts } },
    status: {
      ...open,
      properties: {
        addresses: list({ type: "object", properties: { address: text, type: text } }),
      },
    },
  },
};

export type SchemaName = ResourceKind | "core Node";

export const schemas: Readonly<Record<SchemaName, Schema>> = {
  IPPool: record(required(poolSpec), ["spec"]),
  IPAMBlock: record(required(blockSpec), ["spec"]),
  Node: record(fields(nodeSpec), [], {
    ...open,
    properties: { podCIDRs: texts },
  }),
  FelixConfiguration: record(fields(felixSpec), []),
  "core Node": coreNode,
};

/** Fields of `spec` by kind. */
export const fieldsOfKind: Readonly<Record<ResourceKind, Record<string, Schema>>> = {
  IPPool: poolSpec,
  IPAMBlock: blockSpec,
  Node: nodeSpec,
  FelixConfiguration: felixSpec,
};

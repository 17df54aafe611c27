/** The records of address management: their names, and what they say in the terms of tunnels/ipam. */
import { type Cidr, parseCidr } from "../../encap/address/cidr.ts";
import type { AllocationAttribute, AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import { type AllocationHandle, newHandle } from "../../tunnels/ipam/handle.ts";
import { defaultBlockName } from "../datastore/record-block.ts";
import type { RecordKind, RecordValue } from "../datastore/record-store.ts";
import { CausewayError, reasonOf } from "../errors.ts";

export type AffinityState = "confirmed" | "pending" | "pendingDeletion";

export interface BlockAffinity {
  readonly node: string;
  readonly cidr: string;
  readonly state: AffinityState;
}

const API_VERSION = "projectcalico.org/v3";

export function recordOf(
  kind: RecordKind,
  name: string,
  spec: RecordValue["spec"],
  old?: RecordValue,
): RecordValue {
  if (old !== undefined) return { ...old, spec };
  return { apiVersion: API_VERSION, kind, metadata: { name }, spec };
}

export function blockName(cidr: Cidr | string): string {
  return defaultBlockName(cidr.toString());
}

export function blockRecord(block: AllocationBlock, old?: RecordValue): RecordValue {
  return recordOf("IPAMBlock", blockName(block.cidr), block, old);
}

/** @throws CausewayError `bad-resource` */
export function readAllocationBlock({ metadata, spec }: RecordValue): AllocationBlock {
  const { cidr, allocations, attributes, unallocated } = spec;
  const isWhole =
    typeof cidr === "string" &&
    isListOf(allocations, isIndex) &&
    isListOf(attributes ?? [], isObject) &&
    isListOf(unallocated ?? [], (one) => typeof one === "number");
  if (!isWhole) throw unreadable("IPAMBlock", metadata.name, "cidr, allocations and attributes");
  const legacy = spec["hostAffinity"];
  const affinity = spec["affinity"] ?? (typeof legacy === "string" ? `host:${legacy}` : null);
  return {
    ...spec,
    cidr,
    affinity: affinity as string | null,
    allocations,
    attributes: (attributes ?? []) as AllocationAttribute[],
    unallocated: (unallocated ?? []) as number[],
    sequenceNumber: Number(spec["sequenceNumber"] ?? 0),
    sequenceNumberForAllocation: (spec["sequenceNumberForAllocation"] ?? {}) as Record<
      string,
      number
    >,
  };
}

/** A record that says it is deleted and has not gone yet. */
export function isDeleted({ metadata, spec }: RecordValue): boolean {
  const { deleted } = spec;
  return deleted === true || deleted === "true" || metadata["deletionTimestamp"] !== undefined;
}

export function affinityName(node: string, cidr: Cidr | string): string {
  return `${node}-${blockName(cidr)}`;
}

export function affinityRecord(affinity: BlockAffinity, old?: RecordValue): RecordValue {
  const { node, cidr, state } = affinity;
  const spec = { ...old?.spec, state, node, type: "host", cidr, deleted: false };
  return recordOf("BlockAffinity", affinityName(node, cidr), spec, old);
}

export function affinityState(record: RecordValue): AffinityState {
  const { state } = record.spec;
  return state === "confirmed" || state === "pendingDeletion" ? state : "pending";
}

/** Not one of a virtual owner. */
export function isHostAffinity({ spec }: RecordValue, node: string): boolean {
  return spec["node"] === node && (spec["type"] ?? "host") === "host";
}

/** @throws CausewayError `bad-resource` */
export function affinityCidr({ metadata, spec }: RecordValue): Cidr {
  try {
    return parseCidr(String(spec["cidr"]));
  } catch (error) {
    throw unreadable("BlockAffinity", metadata.name, `a cidr: ${reasonOf(error)}`);
  }
}

export function handleRecord(handle: AllocationHandle, old?: RecordValue): RecordValue {
  return recordOf("IPAMHandle", old?.metadata.name ?? handle.handleID, handle, old);
}

/** @param record undefined: one that holds nothing yet */
export function readHandle(id: string, record: RecordValue | undefined): AllocationHandle {
  const { spec } = record ?? {};
  const { block } = spec ?? {};
  return { ...newHandle(id), ...spec, handleID: id, block: isObject(block) ? counts(block) : {} };
}

function counts(block: object): Record<string, number> {
  const entries = Object.entries(block).map(([cidr, count]) => [cidr, Number(count)] as const);
  return Object.fromEntries(entries);
}

function isIndex(value: unknown): value is number | null {
  return value === null || (Number.isInteger(value) && (value as number) >= 0);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isListOf<T>(value: unknown, is: (member: unknown) => member is T): value is T[];
function isListOf(value: unknown, is: (member: unknown) => boolean): boolean;
function isListOf(value: unknown, is: (member: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(is);
}

function unreadable(kind: RecordKind, name: string, lacks: string): CausewayError {
  return new CausewayError("bad-resource", `${kind} "${name}" has no readable ${lacks}`);
}

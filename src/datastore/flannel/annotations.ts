/**
 * What flannel keeps of a node in annotations of the core Node of Kubernetes. The subnet is the
 * node's podCIDR; a node without the gate is none of the network.
 */
import type { Cidr } from "../../../encap/address/cidr.ts";
import type { Family } from "../../../encap/address/ip-address.ts";
import type { Node } from "../../../tunnels/model/node.ts";
import { reasonOf } from "../../errors.ts";
import { readPodCidrs } from "../record-node.ts";
import type { ProblemList } from "../record-problem.ts";
import {
  checkBackend,
  formatBackendData,
  type LeaseEnd,
  type LeaseEnds,
  nodeOfLease,
  readEnd,
  VXLAN,
} from "./lease.ts";

const PREFIX = "flannel.alpha.coreos.com/";
const GATE = `${PREFIX}kube-subnet-manager`;
const TYPE = `${PREFIX}backend-type`;
const NAMES: Readonly<Record<Family, { data: string; ip: string; overwrite: string }>> = {
  4: {
    data: `${PREFIX}backend-data`,
    ip: `${PREFIX}public-ip`,
    overwrite: `${PREFIX}public-ip-overwrite`,
  },
  6: {
    data: `${PREFIX}backend-v6-data`,
    ip: `${PREFIX}public-ipv6`,
    overwrite: `${PREFIX}public-ipv6-overwrite`,
  },
};

export interface AnnotatedNode {
  readonly metadata?: {
    readonly name?: string;
    readonly annotations?: Readonly<Record<string, string>> | null;
  };
  readonly spec?: {
    readonly podCIDR?: string | null;
    readonly podCIDRs?: readonly string[] | null;
  } | null;
}

/** Undefined for a node that is not in the network, or where `problems` says why. */
export function readAnnotatedNode(node: AnnotatedNode, problems: ProblemList): Node | undefined {
  const ends = readAnnotations(node, problems);
  if (ends === undefined) return undefined;
  const subnets = subnetsOf(node, problems);
  if (subnets.length === 0) problems.error(["spec", "podCIDR"], "missing: Kubernetes gave it none");
  return problems.hasErrors ? undefined : nodeOfLease(node.metadata?.name ?? "", subnets, ends);
}

/** What the annotations say of the node's ends. */
export function readAnnotations(node: AnnotatedNode, problems: ProblemList): LeaseEnds | undefined {
  const annotations = node.metadata?.annotations ?? {};
  if (annotations[GATE] !== "true") return undefined;
  if (!checkBackend(annotations[TYPE], pathOf(TYPE), problems)) return undefined;
  const ends: { [F in Family]?: LeaseEnd } = {};
  for (const family of [4, 6] as const) {
    const names = NAMES[family];
    const ip = annotations[names.ip];
    const text = annotations[names.data];
    if (ip === undefined || text === undefined) continue;
    const value = parseData(text, names.data, problems);
    if (value === undefined) continue;
    const data = { path: pathOf(names.data), value };
    const end = readEnd(family, { ip: { path: pathOf(names.ip), value: ip }, data }, problems);
    if (end !== undefined) ends[family] = end;
  }
  if (ends[4] === undefined && ends[6] === undefined && !problems.hasErrors) {
    problems.error(pathOf(NAMES[4].data), "missing");
  }
  return problems.hasErrors ? undefined : ends;
}

export function subnetsOf({ spec }: AnnotatedNode, problems: ProblemList): readonly Cidr[] {
  const { podCIDR, podCIDRs } = spec ?? {};
  return podCIDRs?.length
    ? readPodCidrs(["spec", "podCIDRs"], podCIDRs, problems, "error")
    : readPodCidrs(["spec", "podCIDR"], podCIDR ? [podCIDR] : [], problems, "error");
}

/** The annotations to write for these ends; an operator's own word on the address is stronger. */
export function annotationsFor(
  node: AnnotatedNode,
  ends: LeaseEnds,
  vni: number,
): Record<string, string> {
  const before = node.metadata?.annotations ?? {};
  const annotations: Record<string, string> = { [GATE]: "true", [TYPE]: VXLAN };
  for (const family of [4, 6] as const) {
    const end = ends[family];
    if (end === undefined) continue;
    const { data, ip, overwrite } = NAMES[family];
    annotations[data] = formatBackendData(end, vni);
    annotations[ip] = before[overwrite] || String(end.publicIp);
  }
  return annotations;
}

function parseData(text: string, name: string, problems: ProblemList): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    problems.error(pathOf(name), `not JSON: ${reasonOf(error)}`, text);
    return undefined;
  }
}

function pathOf(name: string): string[] {
  return ["metadata", "annotations", name];
}

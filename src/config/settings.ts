/**
 * Every setting of the agent, one row each: its name in the configuration file, its flag, its
 * variable, what it takes and what it is for. Flags, variables, `--help` and `--print-config` all
 * come from here.
 */
import { hostname } from "node:os";
import type { AddressWish } from "../../tunnels/ipam/node-address.ts";
import type { BlockOrigin } from "../../tunnels/model/block-origin.ts";
import type { Dataplane } from "../../tunnels/model/dataplane.ts";
import type { OverlaySettings } from "../../tunnels/model/overlay-settings.ts";
import { ETCD_SETTINGS, type EtcdSettings } from "./etcd-settings.ts";
import { FLANNEL_SETTINGS } from "./flannel-settings.ts";
import { REGISTER_SETTINGS } from "./register-settings.ts";
import type { Setting } from "./setting.ts";

export interface Config {
  readonly node: string;
  readonly datastore: string;
  /** A file, where the datastore is Kubernetes and this is no pod of it; undefined for the usual. */
  readonly kubeconfig: string | undefined;
  /** Undefined for the kubeconfig's current one. */
  readonly kubeContext: string | undefined;
  readonly blocks: BlockOrigin;
  /** Undefined: the agent decides from what it finds. */
  readonly register: boolean | undefined;
  /** How the node's own address is found where the agent registers it. */
  readonly nodeAddress: AddressWish;
  readonly etcd: EtcdSettings;
  /** flannel's net-conf.json, in Kubernetes; undefined for its usual places. */
  readonly flannelConfig: string | undefined;
  /** Where a node of a flannel network writes what its CNI plugin reads. */
  readonly subnetFile: string;
  /** A container runtime's directory for the conflist; undefined for none. */
  readonly cniDir: string | undefined;
  /** Directories of the CNI plugins, with colons between them. */
  readonly cniPath: string;
  readonly runDir: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly dataplane: Dataplane;
  readonly takeOver: boolean;
  readonly measureLoop: boolean;
  /** What flags, variables and the file say about the overlay; stronger than the datastore. */
  readonly overlay: OverlaySettings;
  /** Where each of those came from, as `--print-config` says it. */
  readonly overlaySources: { readonly [Name in keyof OverlaySettings]?: string };
}

export const VARIABLE_PREFIX = "CAUSEWAY_";
/** Names the configuration file, as `--config` does. */
export const CONFIG_VARIABLE: string = `${VARIABLE_PREFIX}CONFIG`;

const MTU: readonly [number, number] = [0, 65_535];

export const SETTINGS: readonly Setting[] = [
  {
    name: "node",
    flag: "--node <name>",
    help: "name of this node's record in the datastore",
    type: "text",
    fallback: hostname,
    needsRestart: true,
  },
  {
    name: "datastore",
    flag: "--datastore <file:DIR|etcd://HOST|kubernetes:>",
    help: "where nodes, pools and blocks are: file:DIR, a directory of YAML or JSON files, etcd://HOST:PORT,... or kubernetes:; flannel+etcd://... or flannel+kubernetes: to join a flannel network",
    type: "text",
    needsRestart: true,
  },
  {
    name: "kubeconfig",
    flag: "--kubeconfig <file>",
    help: "how to reach Kubernetes from outside of a pod",
    type: "text",
    otherwise: "the pod's service account, KUBECONFIG, ~/.kube/config",
    needsRestart: true,
  },
  {
    name: "kubeContext",
    flag: "--kube-context <name>",
    help: "context of the kubeconfig to use",
    type: "text",
    otherwise: "the kubeconfig's current context",
    needsRestart: true,
  },
  {
    name: "blocks",
    flag: "--blocks <origin>",
    help: "what the blocks are: ipam (IPAMBlocks), podCIDR (of the nodes), or auto, podCIDR where there are no IPAMBlocks",
    type: "choice",
    choices: ["auto", "ipam", "podCIDR"],
    fallback: () => "auto",
    needsRestart: true,
  },
  ...REGISTER_SETTINGS,
  ...ETCD_SETTINGS,
  ...FLANNEL_SETTINGS,
  {
    name: "runDir",
    flag: "--run-dir <dir>",
    help: "directory of the control socket and the saved snapshot",
    type: "text",
    fallback: () => "/run/causeway",
    needsRestart: true,
  },
  {
    name: "logLevel",
    flag: "--log-level <level>",
    help: "debug, info, warn or error",
    type: "choice",
    choices: ["debug", "info", "warn", "error"],
    fallback: () => "info",
  },
  {
    name: "dataplane",
    flag: "--dataplane <who>",
    help: "who carries the tunnels: kernel, userspace, or auto, the kernel where it can",
    type: "choice",
    choices: ["kernel", "userspace", "auto"],
    fallback: () => "auto",
    needsRestart: true,
  },
  {
    name: "vxlanEnabled",
    help: "whether to make vxlan.causeway",
    type: "boolean",
    overlay: "vxlanEnabled",
    otherwise: "where a pool asks for it",
  },
  {
    name: "ipipEnabled",
    help: "whether to make ipip.causeway",
    type: "boolean",
    overlay: "ipipEnabled",
    otherwise: "where a pool asks for it",
  },
  {
    name: "vxlanVni",
    flag: "--vxlan-vni <number>",
    help: "VXLAN network identifier",
    type: "integer",
    range: [1, 0xffffff],
    overlay: "vxlanVni",
  },
  {
    name: "vxlanPort",
    flag: "--vxlan-port <number>",
    help: "UDP port of VXLAN",
    type: "integer",
    range: [1, 65_535],
    overlay: "vxlanPort",
  },
  {
    name: "vxlanMtu",
    flag: "--vxlan-mtu <bytes>",
    help: "MTU of vxlan.causeway; 0 takes it from the parent device",
    type: "integer",
    range: MTU,
    overlay: "vxlanMtu",
  },
  {
    name: "vxlanMtu6",
    flag: "--vxlan-mtu6 <bytes>",
    help: "MTU of vxlan6.causeway; 0 takes it from the parent device",
    type: "integer",
    range: MTU,
    overlay: "vxlanMtu6",
  },
  {
    name: "ipipMtu",
    flag: "--ipip-mtu <bytes>",
    help: "MTU of ipip.causeway; 0 takes it from the parent device",
    type: "integer",
    range: MTU,
    overlay: "ipipMtu",
  },
  {
    name: "routeSource",
    help: "source address that this node's own packets take on IPv4 tunnel routes",
    type: "IPv4",
    overlay: "routeSource",
    otherwise: "the tunnel address",
  },
  {
    name: "routeSource6",
    help: "source address that this node's own packets take on IPv6 tunnel routes",
    type: "IPv6",
    overlay: "routeSource6",
    otherwise: "the tunnel address",
  },
  {
    name: "routeRefreshInterval",
    flag: "--route-refresh-interval <time>",
    help: 'time between two full read-backs of the kernel, for example "90s"; 0 for none',
    type: "duration",
    overlay: "routeRefreshInterval",
  },
  {
    name: "takeOver",
    flag: "--no-take-over",
    help: "only report foreign routes at destinations that we want, do not replace them",
    type: "boolean",
    fallback: () => true,
  },
  {
    name: "measureLoop",
    help: "measure how long the main loop is held up (benchmarks)",
    type: "boolean",
    fallback: () => false,
    needsRestart: true,
  },
];

/** CAUSEWAY_ROUTE_REFRESH_INTERVAL for routeRefreshInterval. */
export function variableName(setting: Pick<Setting, "name">): string {
  return `${VARIABLE_PREFIX}${setting.name.replace(/[A-Z]+/g, "_$&").toUpperCase()}`;
}

/** The settings of agents that register their node and connect its pods. */
import type { Setting } from "./setting.ts";

export const REGISTER_SETTINGS: readonly Setting[] = [
  {
    name: "register",
    flag: "--register",
    hasOffFlag: true,
    help: "keep this node's record, blocks and tunnel addresses in the datastore",
    type: "boolean",
    otherwise: "where nobody else registers nodes",
    needsRestart: true,
  },
  {
    name: "nodeAddress",
    flag: "--node-address <ips>",
    help: "registering: this node's address, one of each family at most, as ADDRESS or ADDRESS/LENGTH",
    type: "addresses",
    otherwise: "found by the settings below",
  },
  {
    name: "nodeInterface",
    flag: "--node-interface <pattern>",
    help: "registering: take the address of the interface whose name fits this regular expression",
    type: "pattern",
  },
  {
    name: "nodeReaches",
    flag: "--node-reaches <host>",
    help: "registering: take the address that packets to this host leave with",
    type: "text",
  },
  {
    name: "nodeCidr",
    flag: "--node-cidr <cidrs>",
    help: "registering: take an address inside one of these prefixes",
    type: "cidrs",
    otherwise: "without any of these four, the default route says which address it is",
  },
  {
    name: "cniDir",
    flag: "--cni-dir <dir>",
    help: "registering: keep the pods' conflist here for the container runtime, for example in /etc/cni/net.d",
    type: "text",
    otherwise: "in the run dir alone",
    needsRestart: true,
  },
  {
    name: "cniPath",
    flag: "--cni-path <dirs>",
    help: "directories of the CNI plugins, for causeway pod",
    type: "text",
    fallback: () => "/opt/cni/bin:/usr/lib/cni",
  },
];

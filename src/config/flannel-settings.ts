/** The settings of agents in a flannel network. */
import type { Setting } from "./setting.ts";

export const FLANNEL_SETTINGS: readonly Setting[] = [
  {
    name: "flannelConfig",
    flag: "--flannel-config <file>",
    help: "flannel+kubernetes: flannel's net-conf.json",
    type: "text",
    otherwise: "/etc/kube-flannel/net-conf.json, else the ConfigMap kube-flannel-cfg",
    needsRestart: true,
  },
  {
    name: "subnetFile",
    flag: "--subnet-file <file>",
    help: "flannel networks: where to write this node's subnet for the flannel CNI plugin",
    type: "text",
    fallback: () => "/run/flannel/subnet.env",
    needsRestart: true,
  },
];

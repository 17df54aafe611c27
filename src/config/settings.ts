/**
 * Every setting of the agent, one row each: its name in the configuration file, its flag, its
 * variable, what it takes and what it is for. Flags, variables, `--help` and `--print-config` all
 * come from here.
 */
import { hostname } from "node:os";
import type { OverlaySettings } from "../../tunnels/model/overlay-settings.ts";

export interface Config {
  readonly node: string;
  readonly datastore: string;
  readonly runDir: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly takeOver: boolean;
  readonly measureLoop: boolean;
  /** What flags, variables and the file say about the overlay; stronger than the datastore. */
  readonly overlay: OverlaySettings;
}

export type SettingValue = string | number | boolean;

export interface Setting {
  /** Key in the configuration file; the variable is CAUSEWAY_ and this in upper case. */
  readonly name: string;
  /** Flag with its placeholder, as commander takes it; absent for what only experts touch. */
  readonly flag?: string;
  readonly help: string;
  readonly type: "text" | "integer" | "boolean" | "duration" | "level";
  readonly range?: readonly [number, number];
  readonly fallback?: () => SettingValue;
  /** The member of OverlaySettings it overrides; the FelixConfiguration's value is next in line. */
  readonly overlay?: keyof OverlaySettings;
}

const MTU: readonly [number, number] = [0, 65_535];

export const SETTINGS: readonly Setting[] = [
  {
    name: "node",
    flag: "--node <name>",
    help: "name of this node's record in the datastore",
    type: "text",
    fallback: hostname,
  },
  {
    name: "datastore",
    flag: "--datastore <url>",
    help: "where nodes, pools and blocks are: file:DIR",
    type: "text",
  },
  {
    name: "runDir",
    flag: "--run-dir <dir>",
    help: "directory of the control socket and the saved snapshot",
    type: "text",
    fallback: () => "/run/causeway",
  },
  {
    name: "logLevel",
    flag: "--log-level <level>",
    help: "debug, info, warn or error",
    type: "level",
    fallback: () => "info",
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
  },
];

/** CAUSEWAY_ROUTE_REFRESH_INTERVAL for routeRefreshInterval. */
export function variableName(setting: Setting): string {
  return `CAUSEWAY_${setting.name.replace(/[A-Z0-9]+/g, "_$&").toUpperCase()}`;
}

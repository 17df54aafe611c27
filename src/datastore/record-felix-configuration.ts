/** FelixConfiguration: the overlay's settings, for all nodes (`default`) or for one (`node.NAME`). */
import { type Family, type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import type { FelixConfiguration, OverlaySettings } from "../../tunnels/model/overlay-settings.ts";
import { parseDuration } from "../config/duration.ts";
import { checkFamily } from "./record-node.ts";
import type { FieldPath, ProblemList } from "./record-problem.ts";

export interface RawFelixConfiguration {
  readonly spec?: {
    readonly vxlanEnabled?: boolean | null;
    readonly ipipEnabled?: boolean | null;
    readonly vxlanVNI?: number | null;
    readonly vxlanPort?: number | null;
    readonly vxlanMTU?: number | null;
    readonly vxlanMTUV6?: number | null;
    readonly ipipMTU?: number | null;
    readonly deviceRouteSourceAddress?: string | null;
    readonly deviceRouteSourceAddressIPv6?: string | null;
    readonly routeRefreshInterval?: string | number | null;
  } | null;
}

/** Reads a record whose shape is right. Undefined where `problems` says why. */
export function readFelixConfiguration(
  name: string,
  raw: RawFelixConfiguration,
  problems: ProblemList,
): FelixConfiguration | undefined {
  const spec = raw.spec ?? {};
  if (name !== "default" && !/^node\../.test(name)) {
    problems.warn(["metadata", "name"], "only default and node.NAME are applied", name);
    return undefined;
  }
  const source = (field: "deviceRouteSourceAddress" | "deviceRouteSourceAddressIPv6") => {
    const text = spec[field];
    const family = field === "deviceRouteSourceAddress" ? 4 : 6;
    return text ? readSource(["spec", field], text, family, problems) : undefined;
  };
  const refresh = spec.routeRefreshInterval;
  const settings = present({
    vxlanEnabled: spec.vxlanEnabled,
    ipipEnabled: spec.ipipEnabled,
    vxlanVni: spec.vxlanVNI,
    vxlanPort: spec.vxlanPort,
    vxlanMtu: spec.vxlanMTU,
    vxlanMtu6: spec.vxlanMTUV6,
    ipipMtu: spec.ipipMTU,
    routeSource: source("deviceRouteSourceAddress"),
    routeSource6: source("deviceRouteSourceAddressIPv6"),
    routeRefreshInterval:
      refresh === undefined || refresh === null
        ? undefined
        : problems.attempt(["spec", "routeRefreshInterval"], String(refresh), readDuration),
  });
  return problems.hasErrors ? undefined : { kind: "FelixConfiguration", name, settings };
}

/** @throws SyntaxError */
function readDuration(text: string): number {
  const duration = parseDuration(text);
  if (duration === undefined) throw new SyntaxError("not a duration such as 90s or 1m30s");
  return duration;
}

function readSource(
  path: FieldPath,
  text: string,
  family: Family,
  problems: ProblemList,
): IpAddress | undefined {
  return problems.attempt(path, text, (value) => {
    const address = parseIp(value);
    checkFamily(address, family);
    return address;
  });
}

function present(
  parts: {
    readonly [Key in keyof OverlaySettings]-?: OverlaySettings[Key] | null | undefined;
  },
): OverlaySettings {
  const entries = Object.entries(parts).filter(([, v]) => v !== undefined && v !== null);
  return Object.fromEntries(entries);
}

/** The settings of a FelixConfiguration that concern the overlay; absent means "not set here". */
import type { IpAddress } from "../../encap/address/ip-address.ts";

export interface OverlaySettings {
  readonly vxlanEnabled?: boolean;
  readonly ipipEnabled?: boolean;
  readonly vxlanVni?: number;
  readonly vxlanPort?: number;
  /** Tunnel MTU in bytes; 0 or absent means: from the parent device. */
  readonly vxlanMtu?: number;
  readonly vxlanMtu6?: number;
  readonly ipipMtu?: number;
  readonly routeSource?: IpAddress;
  readonly routeSource6?: IpAddress;
  /** Interval of the full read-back, in milliseconds; 0 turns it off. */
  readonly routeRefreshInterval?: number;
}

/** A FelixConfiguration: `default` is for all nodes, `node.NAME` for one and stronger. */
export interface FelixConfiguration {
  readonly kind: "FelixConfiguration";
  readonly name: string;
  readonly settings: OverlaySettings;
}

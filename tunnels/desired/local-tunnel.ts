/** One tunnel of this node: the device its packets take, its address, and who carries them. */
import { addressBits, type IpAddress } from "../../encap/address/ip-address.ts";
import type { TunnelMtu } from "../../encap/encap-mode.ts";
import type { Address, Link } from "../kernel/kernel-state.ts";
import { type DeviceNames, TUN_DEVICE } from "../kernel/ownership.ts";
import type { Node } from "../model/node.ts";
import type { Vtep } from "../model/vtep.ts";
import { ipipLink } from "./ipip.ts";
import { fitMtu } from "./mtu.ts";
import type { Problem } from "./problem.ts";
import type { EffectiveSettings } from "./settings.ts";
import { type TunnelKind, type TunnelRole, tunnelAddress } from "./tunnel-role.ts";
import type { UnderlayParent } from "./underlay.ts";
import { ipipEndpoint, type LocalEndpoint, tunLink, vxlanEndpoint } from "./userspace.ts";
import { vxlanLink } from "./vxlan.ts";

export interface LocalTunnel {
  /** Tunnels that are carried in userspace share one. */
  readonly link: Link;
  readonly address: Address;
  /** For the routes through it. */
  readonly source: IpAddress | undefined;
  /** Name of the parent device. */
  readonly parent: string;
  /** Less than the link's where it shares it with a tunnel of less overhead. */
  readonly mtu: TunnelMtu;
  /** What the data path is told; undefined where the kernel carries the tunnel. */
  readonly endpoint: LocalEndpoint | undefined;
}

export type LocalTunnels = { readonly [Role in TunnelRole]?: LocalTunnel };

export interface TunnelInputs {
  /** This node's name. */
  readonly name: string;
  readonly node: Node | undefined;
  readonly vteps: readonly Vtep[];
  readonly settings: EffectiveSettings;
  readonly devices: DeviceNames;
}

/** `problems`: why there is none, or what of the settings could not be met. */
export function localTunnel(
  kind: TunnelKind,
  inUserspace: boolean,
  parent: UnderlayParent,
  { name, node, vteps, settings, devices }: TunnelInputs,
): { tunnel?: LocalTunnel; problems: Problem[] } {
  const device = inUserspace ? TUN_DEVICE : devices.nameOf(kind.role, settings.vxlanVni.value);
  const ip = tunnelAddress(node, kind);
  if (ip === undefined) {
    const reason = `node ${name} has no ${kind.label} tunnel address`;
    const hint = `set ${kind.field} on the Node`;
    return { problems: [{ subject: `device ${device}`, reason, hint, severity: "error" }] };
  }
  const { mtu, problem } = fitMtu(kind, device, parent.mtu, settings);
  const problems = problem === undefined ? [] : [problem];
  if (mtu === undefined) return { problems };
  const ends = { vni: settings.vxlanVni.value, port: settings.vxlanPort.value };
  const basics = { ...ends, mtu, parent: parent.device };
  const vtep =
    kind.encap === "vxlan" ? vteps.find(({ family }) => family === kind.family) : undefined;
  const kernelLink = (): Link =>
    vtep ? vxlanLink(device, vtep, basics) : ipipLink(device, parent.address, basics);
  const endpoint = (): LocalEndpoint =>
    vtep ? vxlanEndpoint(vtep, basics) : ipipEndpoint(parent.address, basics);
  const source = kind.family === 4 ? settings.routeSource.value : settings.routeSource6.value;
  const tunnel = {
    link: inUserspace ? tunLink(device, mtu) : kernelLink(),
    address: { device, ip, prefixLength: addressBits(ip.family), scope: "global" } as const,
    // A TUN device may have several addresses: which of them a packet of ours takes is said.
    source: source ?? (inUserspace ? ip : undefined),
    mtu,
    parent: parent.device,
    endpoint: inUserspace ? endpoint() : undefined,
  };
  return { tunnel, problems };
}

/** Gives the tunnels that share the TUN device the same link, with the largest MTU of them. */
export function shareTunDevice(tunnels: LocalTunnels): LocalTunnels {
  const inUserspace = Object.values(tunnels).filter(({ endpoint }) => endpoint !== undefined);
  if (inUserspace.length < 2) return tunnels;
  const mtu = Math.max(...inUserspace.map((tunnel) => tunnel.mtu)) as TunnelMtu;
  const link = tunLink(TUN_DEVICE, mtu);
  return Object.fromEntries(
    Object.entries(tunnels).map(([role, tunnel]) => [
      role,
      tunnel.endpoint === undefined ? tunnel : { ...tunnel, link },
    ]),
  );
}

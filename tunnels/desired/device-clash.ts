/**
 * Tunnel devices of others that the kernel does not let stand beside ours. Whichever is there first
 * has the VNI, the port or the endpoints; the kernel refuses the other.
 */
import type { IpipParameters, Link, VxlanParameters } from "../kernel/kernel-state.ts";
import type { DeviceNames } from "../kernel/ownership.ts";
import type { Conflict } from "./problem.ts";

/**
 * @param wanted the devices that this node is to have
 * @param actual every tunnel device in the kernel, ours included
 */
export function* deviceClashes(
  wanted: Iterable<Link>,
  actual: readonly Link[],
  devices: DeviceNames,
): Generator<Conflict> {
  for (const ours of wanted) {
    // One that is up has what it needs, and the other one is told so by the kernel.
    if (actual.some(({ name, up }) => name === ours.name && up)) continue;
    for (const other of actual) {
      const clash = devices.isOurs(other.name) ? undefined : clashOf(ours, other);
      if (clash === undefined) continue;
      yield {
        ...clash,
        winner: `device ${other.name}`,
        losers: [`device ${ours.name}`],
        rule: "it was there first",
      };
    }
  }
}

type Clash = Pick<Conflict, "kind" | "value" | "hint">;

function clashOf(ours: Link, other: Link): Clash | undefined {
  const remove = `remove it (ip link delete ${other.name})`;
  if (ours.tunnel?.kind === "vxlan" && other.tunnel?.kind === "vxlan") {
    return vxlanClash(ours.tunnel, other.tunnel, other.up, remove);
  }
  if (ours.tunnel?.kind === "ipip" && other.tunnel?.kind === "ipip") {
    return ipipClash(ours.tunnel, other.tunnel, remove);
  }
  return undefined;
}

/** After drivers/net/vxlan: `vxlan_vni_in_use`, and `vxlan_find_sock` for the socket of a port. */
function vxlanClash(
  ours: VxlanParameters,
  other: VxlanParameters,
  isUp: boolean,
  remove: string,
): Clash | undefined {
  if (ours.port !== other.port) return undefined;
  const [family, otherFamily] = [familyOf(ours), familyOf(other)];
  const others = "on all nodes of the cluster alike";
  if (receivesAlike(ours, other)) {
    if (ours.vni !== other.vni || family !== otherFamily) return undefined;
    const hint = `${remove}, or set another vxlanVNI or vxlanPort, ${others}`;
    return { kind: "VNI", value: `${ours.vni} on UDP port ${ours.port}`, hint };
  }
  // The socket is opened when the device goes up; a flow-based device opens one for each family.
  if (!isUp || (family !== otherFamily && !other.external)) return undefined;
  const hint = `${remove}, or set another vxlanPort, ${others}`;
  return { kind: "UDP port", value: String(ours.port), hint };
}

/** `VXLAN_F_RCV_FLAGS`, as far as we know them: devices that differ in one cannot share a socket. */
function receivesAlike(a: VxlanParameters, b: VxlanParameters): boolean {
  return a.external === b.external && a.gbp === b.gbp && a.zeroChecksum6Rx === b.zeroChecksum6Rx;
}

function familyOf({ local, group }: VxlanParameters): 4 | 6 {
  return local?.family ?? group?.family ?? 4;
}

/** After net/ipv4/ip_tunnel.c, `ip_tunnel_find`: one device for each pair of ends and parent. */
function ipipClash(ours: IpipParameters, other: IpipParameters, remove: string): Clash | undefined {
  const isSame =
    !other.external &&
    other.remote === undefined &&
    ours.local !== undefined &&
    other.local?.equals(ours.local) === true &&
    other.parent === ours.parent;
  if (!isSame) return undefined;
  const value = `local ${ours.local} remote any dev ${ours.parent}`;
  return { kind: "IP-in-IP endpoints", value, hint: remove };
}

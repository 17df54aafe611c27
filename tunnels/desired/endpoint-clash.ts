/**
 * Tunnel devices of others that take what the data path is to receive: a VXLAN device that is up has
 * its UDP port on every address, so that a socket cannot have it on ours. (An IP-in-IP device beside
 * a raw socket takes nothing away: both get every packet, and each drops what is not from its peers.)
 */
import type { Link } from "../kernel/kernel-state.ts";
import { type DeviceNames, TUN_DEVICE } from "../kernel/ownership.ts";
import type { LocalTunnels } from "./local-tunnel.ts";
import type { Conflict } from "./problem.ts";

/** @param actual every tunnel device in the kernel */
export function* endpointClashes(
  tunnels: LocalTunnels,
  actual: readonly Link[],
  devices: DeviceNames,
): Generator<Conflict> {
  for (const { endpoint } of Object.values(tunnels)) {
    if (endpoint?.encap !== "vxlan") continue;
    const { port, localAddress } = endpoint;
    for (const { name, up, tunnel } of actual) {
      if (devices.isOurs(name) || !up || tunnel?.kind !== "vxlan" || tunnel.port !== port) continue;
      const family = tunnel.local?.family ?? tunnel.group?.family ?? 4;
      // A flow-based device has a socket for each family.
      if (family !== localAddress.family && !tunnel.external) continue;
      yield {
        kind: "UDP port",
        value: `${port}`,
        winner: `device ${name}`,
        losers: [`device ${TUN_DEVICE}`],
        rule: "it was there first",
        hint:
          `remove it (ip link delete ${name}), or set another vxlanPort, ` +
          "on all nodes of the cluster alike",
      };
    }
  }
}

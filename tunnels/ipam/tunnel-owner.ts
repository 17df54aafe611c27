/** How a node's tunnel addresses are marked in address management: as Calico's own nodes do it. */
import type { TunnelRole } from "../desired/tunnel-role.ts";
import type { AllocationOwner } from "./allocation-block.ts";

const MARKS: Readonly<Record<TunnelRole, { readonly handle: string; readonly type: string }>> = {
  vxlan: { handle: "vxlan-tunnel-addr", type: "vxlanTunnelAddress" },
  vxlan6: { handle: "vxlan-v6-tunnel-addr", type: "vxlanV6TunnelAddress" },
  ipip: { handle: "ipip-tunnel-addr", type: "ipipTunnelAddress" },
};

export function tunnelOwner(role: TunnelRole, node: string): AllocationOwner {
  const { handle, type } = MARKS[role];
  return { handle: `${handle}-${node}`, attributes: { node, type } };
}

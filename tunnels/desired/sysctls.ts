/** A node that carries packets for others has to forward. */
import type { KernelState, Sysctl } from "../kernel/kernel-state.ts";

/** By family, once there is anything to forward in it. */
export function forwardingSysctls(desired: KernelState): Map<string, Sysctl> {
  const sysctls = new Map<string, Sysctl>();
  const addresses = [...desired.addresses.values()];
  for (const [family, name] of NAMES) {
    const isUsed =
      desired.routes[family].size > 0 || addresses.some(({ ip }) => ip.family === family);
    if (isUsed) sysctls.set(name, { name, value: "1" });
  }
  return sysctls;
}

const NAMES = [
  [4, "net.ipv4.ip_forward"],
  [6, "net.ipv6.conf.all.forwarding"],
] as const;

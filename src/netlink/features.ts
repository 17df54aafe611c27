/** What this kernel can do, found by asking for things that it must refuse, each in its own way. */
import { release } from "node:os";
import type { KernelFeatures } from "../../tunnels/kernel/kernel.ts";
import { CausewayError } from "../errors.ts";
import { writeLinkProbe } from "./link.ts";
import { writeNexthopDump } from "./nexthop.ts";
import type { Reader } from "./reader.ts";
import type { WorkerClient } from "./worker-client.ts";

/**
 * Leaves nothing behind but the modules that the kernel loads when it hears of their kind.
 * @throws CausewayError "not-permitted" without CAP_NET_ADMIN.
 */
export async function probeFeatures(reader: Reader, client: WorkerClient): Promise<KernelFeatures> {
  const nexthops = await reader.probe(writeNexthopDump);
  const ipv6 = "net.ipv6.conf.all.disable_ipv6";
  return {
    nexthopObjects: nexthops === undefined,
    vxlan: await refusalOf(reader, "vxlan"),
    ipip: await refusalOf(reader, "ipip"),
    // The folder is missing if the kernel was built or started without IPv6.
    ipv6: (await client.readSysctls([ipv6])).has(ipv6),
    release: release(),
  };
}

/**
 * Asks for a device with parameters that its driver refuses. A kernel that has the driver answers
 * with EINVAL or ERANGE; one without says "Unknown device type" (EOPNOTSUPP) before it looks at them.
 */
async function refusalOf(reader: Reader, kind: "vxlan" | "ipip"): Promise<string> {
  const refusal = await reader.probe((writer, sequence) => writeLinkProbe(writer, sequence, kind));
  if (refusal?.code === "EPERM") {
    throw new CausewayError(
      "not-permitted",
      "the kernel does not let us change the network; run as root or with CAP_NET_ADMIN",
    );
  }
  if (refusal === undefined || refusal.code === "EINVAL" || refusal.code === "ERANGE") return "";
  return `${refusal.message} (${refusal.code})`;
}

/** Why an object other than a route is wanted, in a few words for `plan` and `show`. */
import type { ObjectKind } from "../kernel/kernel-op.ts";
import type { LocalSide } from "./local-side.ts";
import type { PoolIndex } from "./pool-index.ts";
import type { RemoteNodes } from "./remote-nodes.ts";
import { TUNNEL_KINDS } from "./tunnel-role.ts";

/** `key`: as in the maps of KernelState. Undefined for what is not ours. */
export function describeObject(
  kind: Exclude<ObjectKind, "route">,
  key: string,
  pools: PoolIndex,
  remotes: RemoteNodes,
  { tunnels }: LocalSide,
): string | undefined {
  switch (kind) {
    case "sysctl":
      return "this node forwards packets of its pods";
    case "link": {
      const carried = TUNNEL_KINDS.filter(({ role }) => tunnels[role]?.link.name === key).flatMap(
        ({ family, encap }) => pools.routed(family, encap),
      );
      if (carried.length === 0) return undefined;
      const names = carried.map(({ name }) => `"${name}"`).join(", ");
      return `carries pool${carried.length === 1 ? "" : "s"} ${names}`;
    }
    case "address":
      return "tunnel address of this node";
    case "neighbour":
    case "fdb": {
      const node = remotes.ownerOf(key);
      return node && `VTEP of ${node}`;
    }
    case "nexthop":
      return remotes.ownerOf(Number(key));
  }
}

/** What is in the way of carrying tunnels in userspace, found without changing anything. */
import { closeSync, constants, openSync } from "node:fs";
import { PROTOCOL_IPIP } from "../../encap/header/ip-protocol.ts";
import { errnoOf, reasonOf } from "../errors.ts";
import { arenaObstacle } from "../native/arena.ts";
import { closeDescriptor, openSocket } from "../native/linux.ts";
import { TUN_NODE } from "../native/tun.ts";
import { AF_INET, SOCK_RAW } from "./underlay/underlay-socket.ts";

/** By encapsulation; empty if nothing is. */
export interface Obstacles {
  readonly vxlan: string;
  readonly ipip: string;
}

export function userspaceObstacles(): Obstacles {
  const common = arenaObstacle() ?? tunObstacle();
  if (common !== "") return { vxlan: common, ipip: common };
  return { vxlan: "", ipip: rawSocketObstacle() };
}

function tunObstacle(): string {
  try {
    closeSync(openSync(TUN_NODE, constants.O_RDWR));
    return "";
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: `${TUN_NODE} is missing`,
      ENODEV: "the kernel has no TUN driver; load its module tun",
      ENXIO: "the kernel has no TUN driver; load its module tun",
      EACCES: `${TUN_NODE} may not be opened`,
      EPERM: `${TUN_NODE} may not be opened`,
    };
    return reasons[errnoOf(error) ?? ""] ?? reasonOf(error);
  }
}

function rawSocketObstacle(): string {
  try {
    closeDescriptor(openSocket(AF_INET, SOCK_RAW, PROTOCOL_IPIP));
    return "";
  } catch (error) {
    const isRefused = errnoOf(error) === "EPERM" || errnoOf(error) === "EACCES";
    return isRefused ? "raw sockets need CAP_NET_RAW" : reasonOf(error);
  }
}

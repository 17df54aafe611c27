/** What is in the way of carrying tunnels in userspace, found without changing anything. */
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { PROTOCOL_IPIP } from "../../encap/header/ip-protocol.ts";
import { errnoOf, reasonOf } from "../errors.ts";
import { arenaObstacle } from "../native/arena.ts";
import { native } from "../native/libc.ts";
import { closeDescriptor, openSocket } from "../native/linux.ts";
import { TUN_NODE } from "../native/tun.ts";
import { rawPackageObstacle } from "./plain/raw-packet-socket.ts";
import { AF_INET, SOCK_RAW } from "./underlay/underlay-socket.ts";

/** By encapsulation; empty if nothing is. */
export interface Obstacles {
  readonly vxlan: string;
  readonly ipip: string;
}

export function userspaceObstacles(): Obstacles {
  const noTun = tunObstacle();
  if (noTun !== "") return { vxlan: noTun, ipip: noTun };
  const noCalls = systemCallObstacle();
  if (noCalls === undefined) return { vxlan: "", ipip: rawSocketObstacle() };
  const noPerl = perlObstacle();
  if (noPerl !== "") {
    const reason = `${noCalls}; and ${noPerl}`;
    return { vxlan: reason, ipip: reason };
  }
  const noRaw = rawPackageObstacle();
  return { vxlan: "", ipip: noRaw === undefined ? "" : `${noCalls}; and ${noRaw}` };
}

/** Why packets are not moved by system calls, but by the plain engine; undefined if they are. */
export function systemCallObstacle(): string | undefined {
  const obstacle = arenaObstacle();
  if (obstacle !== undefined) return obstacle;
  try {
    native();
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

function perlObstacle(): string {
  const { error, status } = spawnSync("perl", ["-e", "1"], { stdio: "ignore" });
  return error === undefined && status === 0
    ? ""
    : "perl, which then opens the TUN device, is missing";
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

/**
 * TUN devices. rtnetlink shows them (IFLA_INFO_DATA, include/uapi/linux/if_link.h) and changes what
 * every link has, but does not make them: that takes the device node (drivers/net/tun.c).
 */
import { closeSync } from "node:fs";
import type { TunParameters } from "../../tunnels/kernel/kernel-state.ts";
import { openTun, setTunPersistence } from "../native/tun.ts";
import type { Attributes } from "./attribute.ts";

const IFLA_TUN_TYPE = 3;
const IFLA_TUN_MULTI_QUEUE = 7;
const IFF_TAP = 2;

export function readTunInfo(data: Attributes): TunParameters {
  return {
    kind: "tun",
    mode: data.u8(IFLA_TUN_TYPE) === IFF_TAP ? "tap" : "tun",
    multiQueue: data.u8(IFLA_TUN_MULTI_QUEUE) === 1,
  };
}

/**
 * `ip tuntap add NAME mode tun`, in the network namespace of the calling thread: the device stays
 * when nobody is attached to it. @throws an error with the errno in `code`.
 */
export function makeTun(name: string): void {
  const fd = openTun(name, false);
  try {
    setTunPersistence(fd, true);
  } finally {
    closeSync(fd);
  }
}

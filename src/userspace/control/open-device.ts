/** Opening the TUN device with as much as the kernel can do. */
import { closeSync } from "node:fs";
import { reasonOf } from "../../errors.ts";
import {
  openTun,
  setTunOffloads,
  setTunPersistence,
  TCP_OFFLOADS,
  UDP_OFFLOADS,
} from "../../native/tun.ts";
import type { TunAbilities } from "../worker/worker-protocol.ts";

export interface OpenedDevice {
  readonly fd: number;
  readonly abilities: TunAbilities;
  /** Why the device has no offloads; undefined if it has. */
  readonly reason: string | undefined;
}

/**
 * Attaches to the TUN device `name`, which is made if there is none and stays when we are gone.
 * @throws an error with the errno in `code`.
 */
export function openDevice(name: string, wantOffloads: boolean): OpenedDevice {
  if (!wantOffloads) return openWithoutOffloads(name, "asked for");
  let fd = -1;
  try {
    fd = openTun(name, true);
    const udpOffloads = trySetOffloads(fd, TCP_OFFLOADS | UDP_OFFLOADS);
    if (!udpOffloads) setTunOffloads(fd, TCP_OFFLOADS);
    setTunPersistence(fd, true);
    return { fd, abilities: { offloads: true, udpOffloads }, reason: undefined };
  } catch (error) {
    if (fd < 0) return openWithoutOffloads(name, reasonOf(error));
    closeSync(fd);
    return openWithoutOffloads(name, reasonOf(error));
  }
}

function openWithoutOffloads(name: string, reason: string): OpenedDevice {
  const fd = openTun(name, false);
  setTunPersistence(fd, true);
  return { fd, abilities: { offloads: false, udpOffloads: false }, reason };
}

function trySetOffloads(fd: number, offloads: number): boolean {
  try {
    setTunOffloads(fd, offloads);
    return true;
  } catch {
    return false;
  }
}

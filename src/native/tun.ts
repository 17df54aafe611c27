/** TUN devices (Documentation/networking/tuntap.rst, include/uapi/linux/if_tun.h of the kernel). */
import { closeSync, constants, openSync } from "node:fs";
import { SystemCallError } from "./errno.ts";
import { native } from "./libc.ts";

export const TUN_NODE = "/dev/net/tun";

// _IOW('T', n, int) and _IOR of the architectures that an arena works on.
export const TUNSETIFF = 0x400454ca;
export const TUNSETPERSIST = 0x400454cb;
export const TUNSETOFFLOAD = 0x400454d0;
const TUNGETIFF = 0x800454d2;

export const IFF_TUN = 0x0001;
/** Without four bytes of flags and ethertype before each packet. */
export const IFF_NO_PI = 0x1000;
/** With a `struct virtio_net_hdr` before each packet. */
export const IFF_VNET_HDR = 0x4000;

const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;
/** What the kernel may leave to us of TCP, and of UDP. */
export const TCP_OFFLOADS: number = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
export const UDP_OFFLOADS: number = TUN_F_USO4 | TUN_F_USO6;

// struct ifreq
const IFREQ = 40;
const IFNAMSIZ = 16;

/**
 * Attaches to the TUN device `name`, which is made if there is none. Returns a descriptor that does
 * not block. @throws an error with the errno in `code`: EBUSY if another process is attached.
 */
export function openTun(name: string, withVirtioHeader: boolean): number {
  const fd = openSync(TUN_NODE, constants.O_RDWR | constants.O_NONBLOCK);
  const flags = IFF_TUN | IFF_NO_PI | (withVirtioHeader ? IFF_VNET_HDR : 0);
  const request = new Uint8Array(IFREQ);
  new TextEncoder().encodeInto(name, request.subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setUint16(IFNAMSIZ, flags, true);
  const { libc, koffi } = native();
  if (libc.ioctl(fd, TUNSETIFF, request) < 0) {
    const errno = koffi.errno();
    closeSync(fd);
    throw new SystemCallError(`TUNSETIFF ${name}`, errno);
  }
  return fd;
}

/** With `persist` the device outlives its descriptor. @throws SystemCallError */
export function setTunPersistence(fd: number, persist: boolean): void {
  control(fd, "TUNSETPERSIST", TUNSETPERSIST, persist ? 1 : 0);
}

/** What the kernel may leave to us (`TUN_F_...`). @throws SystemCallError */
export function setTunOffloads(fd: number, offloads: number): void {
  control(fd, "TUNSETOFFLOAD", TUNSETOFFLOAD, offloads);
}

/** False if the device of this descriptor was deleted. */
export function isTunAttached(fd: number): boolean {
  return native().libc.ioctl(fd, TUNGETIFF, new Uint8Array(IFREQ)) === 0;
}

function control(fd: number, name: string, request: number, value: number): void {
  const { libc, koffi } = native();
  if (libc.ioctlValue(fd, request, value) < 0) throw new SystemCallError(name, koffi.errno());
}

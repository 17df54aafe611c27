/** What ioctl(2) says of a device by its name (netdevice(7)). */
import { SystemCallError } from "./errno.ts";
import { native } from "./libc.ts";

const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
// struct ifreq
const IFREQ = 40;
const IFNAMSIZ = 16;

/** @throws SystemCallError: ENODEV without such a device. */
export function deviceIndex(fd: number, device: string): number {
  return ask(fd, SIOCGIFINDEX, "SIOCGIFINDEX", device).getInt32(IFNAMSIZ, true);
}

/** The ARPHRD_ number. @throws SystemCallError: ENODEV without such a device. */
export function deviceHardwareType(fd: number, device: string): number {
  return ask(fd, SIOCGIFHWADDR, "SIOCGIFHWADDR", device).getUint16(IFNAMSIZ, true);
}

function ask(fd: number, request: number, name: string, device: string): DataView {
  const ifreq = new Uint8Array(IFREQ);
  new TextEncoder().encodeInto(device, ifreq.subarray(0, IFNAMSIZ - 1));
  const { libc, koffi } = native();
  if (libc.ioctl(fd, request, ifreq) < 0) throw new SystemCallError(name, koffi.errno());
  return new DataView(ifreq.buffer);
}

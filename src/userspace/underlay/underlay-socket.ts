/** Opening sockets on an address of the underlay. */
import { type Family, type IpAddress, writeIp } from "../../../encap/address/ip-address.ts";
import { SystemCallError } from "../../native/errno.ts";
import {
  bindSocket,
  closeDescriptor,
  connectSocket,
  intSocketOption,
  openSocket,
  setSocketOption,
} from "../../native/linux.ts";

export const AF_INET = 2;
const AF_INET6 = 10;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;

export const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_TTL = 2;
export const IP_HDRINCL = 3;
const IP_MTU_DISCOVER = 10;
const IP_RECVTOS = 13;
const IP_MTU = 14;

export const IPPROTO_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_MTU_DISCOVER = 23;
const IPV6_MTU = 24;
export const IPV6_HDRINCL = 36;
const IPV6_RECVTCLASS = 66;
const IPV6_TCLASS = 67;

const PMTUDISC_DONT = 0;
const PMTUDISC_DO = 2;

/** Bytes of packets that wait in the kernel, in each direction. */
const BUFFER = 4 * 1024 * 1024;

/**
 * A socket that does not block, on `address` and, for UDP, `port` (0: the kernel chooses). On any
 * failure, `prepare`'s too, it is closed again. @throws SystemCallError
 */
export function openUnderlaySocket(
  type: number,
  protocol: number,
  address: IpAddress,
  port: number,
  prepare: (fd: number) => void,
): number {
  const domain = address.family === 4 ? AF_INET : AF_INET6;
  const fd = openSocket(domain, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  try {
    prepare(fd);
    bindSocket(fd, socketAddress(address, port));
    return fd;
  } catch (error) {
    closeDescriptor(fd);
    throw error;
  }
}

/** A `sockaddr_in` or `sockaddr_in6` in the kernel's layout. */
export function socketAddress(address: IpAddress, port: number): Uint8Array {
  const bytes = new Uint8Array(address.family === 4 ? 16 : 28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, address.family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  writeIp(address, view, address.family === 4 ? 4 : 8);
  return bytes;
}

/** @throws SystemCallError */
export function setOption(fd: number, level: number, name: number, value: number): void {
  setSocketOption(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
}

/** False if the kernel does not know the option or does not want it. */
export function tryOption(fd: number, level: number, name: number, value: number): boolean {
  try {
    setOption(fd, level, name, value);
    return true;
  } catch (error) {
    if (error instanceof SystemCallError) return false;
    throw error;
  }
}

/** Room for bursts; what the system's limit allows if we may not have more. */
export function setBuffers(fd: number): void {
  tryOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER) || tryOption(fd, SOL_SOCKET, SO_SNDBUF, BUFFER);
  tryOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER) || tryOption(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
}

/** Has received packets come with the traffic class of their outer header. */
export function receiveTrafficClass(fd: number, family: Family): void {
  if (family === 4) setOption(fd, IPPROTO_IP, IP_RECVTOS, 1);
  else setOption(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

/** What the kernel writes into the headers of packets that say nothing else. */
export function setOuterDefaults(
  fd: number,
  family: Family,
  trafficClass: number,
  ttl: number,
): void {
  if (family === 4) {
    setOption(fd, IPPROTO_IP, IP_TOS, trafficClass);
    setOption(fd, IPPROTO_IP, IP_TTL, ttl);
  } else {
    setOption(fd, IPPROTO_IPV6, IPV6_TCLASS, trafficClass);
    setOption(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
  }
}

/** With DF, what does not fit the path is refused (EMSGSIZE); without, the kernel fragments it. */
export function setDontFragment(fd: number, family: Family, dontFragment: boolean): void {
  const discovery = dontFragment ? PMTUDISC_DO : PMTUDISC_DONT;
  if (family === 4) setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, discovery);
  else setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, discovery);
}

/**
 * The MTU of the path from `local` to `remote` as the kernel knows it, outer IP header included.
 * @throws SystemCallError
 */
export function kernelPathMtu(local: IpAddress, remote: IpAddress): number {
  const fd = openUnderlaySocket(SOCK_DGRAM, 0, local, 0, () => {});
  try {
    connectSocket(fd, socketAddress(remote, 9));
    return local.family === 4
      ? intSocketOption(fd, IPPROTO_IP, IP_MTU)
      : intSocketOption(fd, IPPROTO_IPV6, IPV6_MTU);
  } finally {
    closeDescriptor(fd);
  }
}

/**
 * Packet sockets (packet(7)): what a device receives and sends, of every ethertype, with the header
 * that it has on the wire. The device is not made promiscuous.
 */
import { Arena } from "./arena.ts";
import { deviceHardwareType, deviceIndex } from "./device-request.ts";
import { SystemCallError } from "./errno.ts";
import { native } from "./libc.ts";
import { bindSocket, closeDescriptor, openSocket, setSocketOption } from "./linux.ts";

const AF_PACKET = 17;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0x80800;
const ETH_P_ALL = 0x0003;

const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SO_TIMESTAMPNS = 35;
const SOL_PACKET = 263;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const BUFFER = 8 * 1024 * 1024;

// struct sockaddr_ll
const SOCKADDR = 20;
const SOCKADDR_PROTOCOL = 2;
const SOCKADDR_INDEX = 4;
const SOCKADDR_PACKET_TYPE = 10;
const PACKET_OUTGOING = 4;

// struct mmsghdr, of which one is used, and struct iovec.
const MMSGHDR = 64;
const NAME_LENGTH = 8;
const VECTOR = 16;
const VECTOR_LENGTH = 24;
const CONTROL = 32;
const CONTROL_LENGTH = 40;
const MESSAGE_LENGTH = 56;
const IOVEC = 16;

const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;

const CMSG_HEADER = 16;
const CMSG_LEVEL = 8;
const CMSG_TYPE = 12;
const CONTROL_BYTES = 128;
// struct tpacket_auxdata
const AUX_STATUS = 0;
const AUX_VLAN_TAG = 16;
const AUX_VLAN_PROTOCOL = 18;
const TP_STATUS_VLAN_VALID = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID = 1 << 6;
const ETHERTYPE_VLAN = 0x8100;
/** Two MAC addresses stand before a VLAN tag. */
const MAC_ADDRESSES = 12;
const VLAN_TAG = 4;

/** More than the longest packet that Linux hands over. */
const SLOT = 262_144;
const HEADROOM = 64;

const EINTR = 4;
const EAGAIN = 11;
const NANOSECONDS = 1_000_000_000n;

export class PacketSocket {
  // Of the last packet received.
  /** In memory that the next one overwrites. */
  bytes: Uint8Array = new Uint8Array();
  /** Bytes on the wire. */
  length = 0;
  /** Nanoseconds since the epoch, by the kernel's clock. */
  time = 0n;
  /** What is in the packet, as an Ethernet header says it. */
  ethertype = 0;
  isOutgoing = false;

  readonly fd: number;
  /** Packets begin with an Ethernet header; without, with what is inside. */
  readonly hasEthernet: boolean;
  readonly isLoopback: boolean;
  readonly #device: string;
  readonly #index: number;
  readonly #arena = new Arena(SLOT + 4096);
  readonly #slot: number;
  readonly #message: number;
  readonly #name: number;
  readonly #control: number;
  readonly #vector: number;

  /** @throws SystemCallError: ENODEV without such a device, EPERM without CAP_NET_RAW. */
  constructor(device: string) {
    this.#device = device;
    const probe = openSocket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0);
    try {
      this.#index = deviceIndex(probe, device);
      const type = deviceHardwareType(probe, device);
      this.isLoopback = type === ARPHRD_LOOPBACK;
      this.hasEthernet = type === ARPHRD_ETHER || this.isLoopback;
    } finally {
      closeDescriptor(probe);
    }
    const arena = this.#arena;
    this.#message = arena.reserve(MMSGHDR);
    this.#name = arena.reserve(SOCKADDR);
    this.#control = arena.reserve(CONTROL_BYTES);
    this.#vector = arena.reserve(IOVEC);
    this.#slot = arena.reserve(SLOT) + HEADROOM;
    this.#layOut();
    this.fd = this.#open();
  }

  #open(): number {
    // Receives nothing until it is bound to the device.
    const type = this.hasEthernet ? SOCK_RAW : SOCK_DGRAM;
    const fd = openSocket(AF_PACKET, type | SOCK_NONBLOCK_CLOEXEC, 0);
    try {
      setInt(fd, SOL_PACKET, PACKET_AUXDATA, 1);
      setInt(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
      try {
        setInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER);
      } catch {
        setInt(fd, SOL_SOCKET, SO_RCVBUF, BUFFER);
      }
      const address = new Uint8Array(SOCKADDR);
      const view = new DataView(address.buffer);
      view.setUint16(0, AF_PACKET, true);
      view.setUint16(SOCKADDR_PROTOCOL, ETH_P_ALL);
      view.setInt32(SOCKADDR_INDEX, this.#index, true);
      bindSocket(fd, address);
      return fd;
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  #layOut(): void {
    const { view } = this.#arena;
    const message = this.#message;
    this.#arena.setPointer(message, this.#name);
    this.#arena.setPointer(message + VECTOR, this.#vector);
    view.setUint32(message + VECTOR_LENGTH, 1, true);
    this.#arena.setPointer(message + CONTROL, this.#control);
    this.#arena.setPointer(this.#vector, this.#slot);
    view.setUint32(this.#vector + 8, SLOT - HEADROOM, true);
  }

  /** False if there is no packet. @throws SystemCallError: ENETDOWN when the device went down. */
  receive(): boolean {
    const { view } = this.#arena;
    const { libc, koffi } = native();
    view.setUint32(this.#message + NAME_LENGTH, SOCKADDR, true);
    view.setUint32(this.#message + CONTROL_LENGTH, CONTROL_BYTES, true);
    const address = this.#arena.base + this.#message;
    for (;;) {
      const received = libc.recvmmsg(this.fd, address, 1, MSG_DONTWAIT | MSG_TRUNC, 0);
      if (received > 0) break;
      const errno = koffi.errno();
      if (errno === EAGAIN) return false;
      if (errno !== EINTR) throw new SystemCallError("recvmmsg", errno);
    }
    this.#read();
    return true;
  }

  /** False if the device has been deleted. */
  isThere(): boolean {
    try {
      return deviceIndex(this.fd, this.#device) === this.#index;
    } catch (error) {
      if (error instanceof SystemCallError) return false;
      throw error;
    }
  }

  /** Packets since the last time that did not fit the socket's buffer. @throws SystemCallError */
  dropped(): number {
    const value = new Uint8Array(8);
    const length = new Uint8Array(Uint32Array.of(value.length).buffer);
    const { libc, koffi } = native();
    if (libc.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, value, length) < 0) {
      throw new SystemCallError("PACKET_STATISTICS", koffi.errno());
    }
    return new DataView(value.buffer).getUint32(4, true);
  }

  close(): void {
    closeDescriptor(this.fd);
  }

  #read(): void {
    const { view } = this.#arena;
    this.length = view.getUint32(this.#message + MESSAGE_LENGTH, true);
    this.ethertype = view.getUint16(this.#name + SOCKADDR_PROTOCOL);
    this.isOutgoing = view.getUint8(this.#name + SOCKADDR_PACKET_TYPE) === PACKET_OUTGOING;
    const captured = Math.min(this.length, SLOT - HEADROOM);
    this.bytes = new Uint8Array(view.buffer, this.#slot, captured);
    this.#readControl();
  }

  #readControl(): void {
    const { view } = this.#arena;
    const end = this.#control + view.getUint32(this.#message + CONTROL_LENGTH, true);
    for (let at = this.#control; at + CMSG_HEADER < end; ) {
      const length = view.getUint32(at, true);
      if (length < CMSG_HEADER) return;
      const level = view.getInt32(at + CMSG_LEVEL, true);
      const type = view.getInt32(at + CMSG_TYPE, true);
      const data = at + CMSG_HEADER;
      if (level === SOL_SOCKET && type === SO_TIMESTAMPNS) {
        const seconds = view.getBigInt64(data, true);
        this.time = seconds * NANOSECONDS + view.getBigInt64(data + 8, true);
      } else if (level === SOL_PACKET && type === PACKET_AUXDATA) this.#restoreTag(data);
      at += (length + 7) & ~7;
    }
  }

  /** Puts a VLAN tag back that the kernel has taken out of the packet. */
  #restoreTag(data: number): void {
    const { view } = this.#arena;
    const status = view.getUint32(data + AUX_STATUS, true);
    if (!this.hasEthernet || (status & TP_STATUS_VLAN_VALID) === 0) return;
    const from = this.#slot - VLAN_TAG;
    const bytes = new Uint8Array(view.buffer, from, this.bytes.length + VLAN_TAG);
    bytes.copyWithin(0, VLAN_TAG, VLAN_TAG + MAC_ADDRESSES);
    const isNamed = (status & TP_STATUS_VLAN_TPID_VALID) !== 0;
    const protocol = isNamed ? view.getUint16(data + AUX_VLAN_PROTOCOL, true) : ETHERTYPE_VLAN;
    view.setUint16(from + MAC_ADDRESSES, protocol);
    view.setUint16(from + MAC_ADDRESSES + 2, view.getUint16(data + AUX_VLAN_TAG, true));
    this.bytes = bytes;
    this.length += VLAN_TAG;
  }
}

function setInt(fd: number, level: number, name: number, value: number): void {
  setSocketOption(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
}

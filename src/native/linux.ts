/** System calls on sockets and namespaces that Node does not have. */
import { SystemCallError } from "./errno.ts";
import { native } from "./libc.ts";

const EINTR = 4;

/** @throws SystemCallError with the errno. */
function check(result: number, call: string): number {
  if (result < 0) throw new SystemCallError(call, native().koffi.errno());
  return result;
}

/** socket(2); returns the descriptor. @throws SystemCallError */
export function openSocket(domain: number, type: number, protocol: number): number {
  return check(native().libc.socket(domain, type, protocol), "socket");
}

/** bind(2) to a `sockaddr` in the kernel's layout. @throws SystemCallError */
export function bindSocket(fd: number, address: Uint8Array): void {
  check(native().libc.bind(fd, address, address.length), "bind");
}

/** getsockname(2): fills `address`, a `sockaddr` in the kernel's layout. @throws SystemCallError */
export function socketName(fd: number, address: Uint8Array): void {
  const length = new Uint8Array(new Uint32Array([address.length]).buffer);
  check(native().libc.getsockname(fd, address, length), "getsockname");
}

/** connect(2): gives a datagram or raw socket its peer, a `sockaddr`. @throws SystemCallError */
export function connectSocket(fd: number, address: Uint8Array): void {
  check(native().libc.connect(fd, address, address.length), "connect");
}

/** setsockopt(2) with a value in the kernel's layout. @throws SystemCallError */
export function setSocketOption(fd: number, level: number, name: number, value: Uint8Array): void {
  check(native().libc.setsockopt(fd, level, name, value, value.length), "setsockopt");
}

/** getsockopt(2) of an int. @throws SystemCallError */
export function intSocketOption(fd: number, level: number, name: number): number {
  const value = new Uint8Array(4);
  const length = new Uint8Array(new Uint32Array([value.length]).buffer);
  check(native().libc.getsockopt(fd, level, name, value, length), "getsockopt");
  return new Int32Array(value.buffer)[0] as number;
}

/**
 * The address of the first byte, for structures that hold pointers. The caller keeps the array
 * alive, and must not let it be one that V8 stores on its own heap (under 64 bytes).
 */
export function addressOf(bytes: Uint8Array): bigint {
  return native().koffi.address(bytes);
}

/** send(2). Returns the number of bytes sent, or the negative errno. */
export function send(fd: number, bytes: Uint8Array, flags: number): number {
  const { libc, koffi } = native();
  for (;;) {
    const sent = libc.send(fd, bytes, bytes.length, flags);
    if (sent >= 0) return sent;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** recv(2) into `bytes`. Returns the number of bytes received, or the negative errno. */
export function receive(fd: number, bytes: Uint8Array, flags: number): number {
  const { libc, koffi } = native();
  for (;;) {
    const received = libc.recv(fd, bytes, bytes.length, flags);
    if (received >= 0) return received;
    const errno = koffi.errno();
    if (errno !== EINTR) return -errno;
  }
}

/** close(2). @throws SystemCallError */
export function closeDescriptor(fd: number): void {
  check(native().libc.close(fd), "close");
}

/** flock(2), exclusive. False if another process has the file locked. @throws SystemCallError */
export function tryLock(fd: number): boolean {
  const LOCK_EX_NB = 2 | 4;
  const EWOULDBLOCK = 11;
  const { libc, koffi } = native();
  if (libc.flock(fd, LOCK_EX_NB) === 0) return true;
  const errno = koffi.errno();
  if (errno === EWOULDBLOCK) return false;
  throw new SystemCallError("flock", errno);
}

/** setns(2): moves the calling thread, and no other, to the network namespace. */
export function enterNetworkNamespace(fd: number): void {
  const CLONE_NEWNET = 0x40000000;
  check(native().libc.setns(fd, CLONE_NEWNET), "setns");
}

/** Calls back from the event loop while a descriptor is readable; keeps the process alive. */
export interface Watcher {
  /** Starts, or starts again after `onReadable` was called with a negative status. */
  start(): void;
  /** Stops for good. Comes before the descriptor is closed. */
  close(): void;
}

/**
 * Watches `fd` (level-triggered). `onReadable` gets 0, or a negative status when the descriptor has
 * a pending error; then the watcher has stopped itself and stays deaf until `start`. What
 * `onReadable` throws is thrown again from the event loop, because koffi would swallow it.
 */
export function watchReadable(fd: number, onReadable: (status: number) => void): Watcher {
  const callback = (status: number): void => {
    try {
      onReadable(status);
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  };
  const options = { readable: true };
  const handle = native().koffi.node.poll(fd, options, callback);
  return {
    start: () => handle.start(options, callback),
    close: () => handle.close(),
  };
}

/**
 * Sends `text` as one datagram to a Unix socket; a leading "@" names an abstract one.
 * @throws SystemCallError
 */
export function sendDatagram(path: string, text: string): void {
  const AF_UNIX = 1;
  const SOCK_DGRAM_CLOEXEC = 0x80002;
  const name = Buffer.from(path.startsWith("@") ? `\0${path.slice(1)}` : path);
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  const fd = openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  try {
    connectSocket(fd, address);
    const sent = send(fd, Buffer.from(text), 0);
    if (sent < 0) throw new SystemCallError("send", -sent);
  } finally {
    closeDescriptor(fd);
  }
}

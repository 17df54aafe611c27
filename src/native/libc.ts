/**
 * The C library through koffi: the only file that knows either. It is loaded at the first call, so
 * that a command that never touches the kernel does not pay for it, and works without.
 *
 * Pointers are `void *` where speed does not matter, and else plain numbers into an `Arena`: koffi
 * takes 70 ns for a call with numbers alone.
 */
import { createRequire } from "node:module";
import { CausewayError, reasonOf } from "../errors.ts";

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint8Array): number;
  setsockopt(fd: number, level: number, name: number, value: unknown, length: number): number;
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ): number;
  send(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  recv(fd: number, bytes: Uint8Array, length: number, flags: number): number;
  close(fd: number): number;
  setns(fd: number, type: number): number;
  flock(fd: number, operation: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** ioctl whose argument is a number. */
  ioctlValue(fd: number, request: number, argument: number): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, address: number, length: number): number;
  write(fd: number, address: number, length: number): number;
  writev(fd: number, vector: number, count: number): number;
  poll(descriptors: number, count: number, milliseconds: number): number;
  sendmmsg(fd: number, messages: number, count: number, flags: number): number;
  recvmmsg(fd: number, messages: number, count: number, flags: number, timeout: number): number;
}

export interface PollHandle {
  start(options: { readable: boolean }, callback: (status: number) => void): void;
  stop(): void;
  close(): void;
}

/** What we use of koffi; its typings give the poll callback the wrong arguments. */
export interface Koffi {
  load(path: null): { func(definition: string): unknown };
  errno(): number;
  address(value: Uint8Array): bigint;
  readonly node: {
    poll(
      fd: number,
      options: { readable: boolean },
      callback: (status: number) => void,
    ): PollHandle;
  };
}

const DECLARATIONS: Record<keyof Libc, string> = {
  socket: "int socket(int domain, int type, int protocol)",
  bind: "int bind(int fd, void *address, uint32_t length)",
  connect: "int connect(int fd, void *address, uint32_t length)",
  getsockname: "int getsockname(int fd, void *address, void *length)",
  setsockopt: "int setsockopt(int fd, int level, int name, void *value, uint32_t length)",
  getsockopt: "int getsockopt(int fd, int level, int name, void *value, void *length)",
  send: "int64_t send(int fd, void *bytes, size_t length, int flags)",
  recv: "int64_t recv(int fd, void *bytes, size_t length, int flags)",
  close: "int close(int fd)",
  setns: "int setns(int fd, int type)",
  flock: "int flock(int fd, int operation)",
  ioctl: "int ioctl(int fd, ulong request, void *argument)",
  ioctlValue: "int ioctl(int fd, ulong request, ulong argument)",
  eventfd: "int eventfd(uint32_t initial, int flags)",
  read: "int64_t read(int fd, uintptr_t address, size_t length)",
  write: "int64_t write(int fd, uintptr_t address, size_t length)",
  writev: "int64_t writev(int fd, uintptr_t vector, int count)",
  poll: "int poll(uintptr_t descriptors, ulong count, int milliseconds)",
  sendmmsg: "int sendmmsg(int fd, uintptr_t messages, uint32_t count, int flags)",
  recvmmsg:
    "int recvmmsg(int fd, uintptr_t messages, uint32_t count, int flags, uintptr_t timeout)",
};

let loaded: { readonly koffi: Koffi; readonly libc: Libc } | undefined;

/** @throws CausewayError if there is no koffi for this machine. */
export function native(): { readonly koffi: Koffi; readonly libc: Libc } {
  if (loaded !== undefined) return loaded;
  try {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const library = koffi.load(null);
    const calls = Object.entries(DECLARATIONS).map(([name, text]) => [name, library.func(text)]);
    loaded = { koffi, libc: Object.fromEntries(calls) as Libc };
    return loaded;
  } catch (error) {
    // Node goes on with the files that wanted it.
    const [reason] = reasonOf(error).split("\n");
    throw new CausewayError(
      "kernel",
      `cannot load koffi, which makes the system calls: ${reason}`,
      {
        cause: error,
        hint: `install koffi for ${process.platform}-${process.arch}:  npm ci --include=optional`,
      },
    );
  }
}

/** connect(2), which gives a raw socket its peer: what `causeway demo` probes with. */
import { createRequire } from "node:module";
import { SystemCallError } from "./errno.ts";

type Connect = (fd: number, address: Uint8Array, length: number) => number;

interface Koffi {
  load(path: null): { func(definition: string): Connect };
  errno(): number;
}

let loaded: { readonly koffi: Koffi; readonly connect: Connect } | undefined;

function native(): { readonly koffi: Koffi; readonly connect: Connect } {
  if (loaded === undefined) {
    const koffi = createRequire(import.meta.url)("koffi") as Koffi;
    const definition = "int connect(int fd, void *address, uint32_t length)";
    loaded = { koffi, connect: koffi.load(null).func(definition) };
  }
  return loaded;
}

/** Connects to a `sockaddr` in the kernel's layout. @throws SystemCallError */
export function connectSocket(fd: number, address: Uint8Array): void {
  const { koffi, connect } = native();
  if (connect(fd, address, address.length) < 0) throw new SystemCallError("connect", koffi.errno());
}

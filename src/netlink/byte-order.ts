/**
 * Netlink numbers are in the byte order of the host, addresses and ports inside them in network
 * order (big endian). DataView methods take the order as their last argument: `HOST_ORDER` for the
 * first, nothing for the second.
 */
import { endianness } from "node:os";

/** The `littleEndian` argument of DataView methods that means: as the kernel has it. */
export const HOST_ORDER: boolean = endianness() === "LE";

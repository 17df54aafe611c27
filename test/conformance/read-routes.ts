/** A kernel's routes in words, for tests. */
import { Cidr } from "../../encap/address/cidr.ts";
import { type Family, IpAddress } from "../../encap/address/ip-address.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";

/** Our routes and, of the wanted destinations, those of others: destination -> path. */
export async function readRoutes(
  kernel: Kernel,
  family: Family,
  wanted: readonly string[] = [],
): Promise<{ owned: Map<string, string>; foreign: Map<string, string> }> {
  const owned = new Map<string, string>();
  const foreign = new Map<string, string>();
  type Words = [number, number, number, number, number];
  const name = (...[w0, w1, w2, w3, length]: Words): string =>
    new Cidr(new IpAddress(family, w0, w1, w2, w3), length).toString();
  const way = (path: number): string => {
    const { type, nexthopId, gateway, device, protocol } = kernel.paths.get(path);
    return `${type} ${nexthopId ?? gateway ?? "-"} ${device ?? "-"} ${protocol}`;
  };
  await kernel.readRoutes(family, {
    owned: (w0, w1, w2, w3, length, path) => {
      owned.set(name(w0, w1, w2, w3, length), way(path));
    },
    wants: (w0, w1, w2, w3, length) => wanted.includes(name(w0, w1, w2, w3, length)),
    foreign: (w0, w1, w2, w3, length, path) => {
      foreign.set(name(w0, w1, w2, w3, length), way(path));
    },
  });
  return { owned, foreign };
}

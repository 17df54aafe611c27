/** Finds this node's own address from what the kernel shows now and what the operator wants. */
import { createSocket } from "node:dgram";
import type { Cidr } from "../../encap/address/cidr.ts";
import { type Family, type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import {
  type AddressWish,
  type ChosenAddress,
  chooseNodeAddress,
  type NoAddress,
} from "../../tunnels/ipam/node-address.ts";
import type { Kernel } from "../../tunnels/kernel/kernel.ts";
import type { KernelState } from "../../tunnels/kernel/kernel-state.ts";
import { FLANNEL_DEVICES } from "../../tunnels/kernel/ownership.ts";

export type LinkState = Pick<KernelState, "links" | "addresses">;

export class AddressFinder {
  wish: AddressWish;
  readonly #kernel: Pick<Kernel, "readUnderlayRoutes">;
  readonly #state: LinkState;

  /** @param state kept up to date by somebody else */
  constructor(kernel: Pick<Kernel, "readUnderlayRoutes">, state: LinkState, wish: AddressWish) {
    this.#kernel = kernel;
    this.#state = state;
    this.wish = wish;
  }

  async find(
    family: Family,
    pools: readonly Cidr[],
    current: IpAddress | undefined,
  ): Promise<ChosenAddress | NoAddress> {
    const { wish } = this;
    const { links, addresses } = this.#state;
    const { reaches } = wish;
    const isWished = wish.interfaces !== undefined || reaches !== undefined || wish.cidrs;
    return chooseNodeAddress(family, wish, {
      links: links.values(),
      addresses: [...addresses.values()],
      toHost: reaches === undefined ? undefined : await addressTo(family, reaches),
      defaultDevices: isWished ? [] : await this.#defaultDevices(family),
      pools,
      current,
    });
  }

  /** Only devices that could be chosen are asked for: each question costs a look at every route. */
  async #defaultDevices(family: Family): Promise<string[]> {
    const { addresses } = this.#state;
    const devices = new Set<string>();
    for (const { device, ip, scope } of addresses.values()) {
      const isCandidate = ip.family === family && scope === "global" && device !== "lo";
      if (isCandidate && !FLANNEL_DEVICES.isOurs(device)) devices.add(device);
    }
    const reads = [...devices].map((device) => this.#kernel.readUnderlayRoutes(family, device));
    const routes = (await Promise.all(reads)).flat();
    const defaults = routes.filter(({ destination }) => destination.length === 0);
    return defaults.sort((a, b) => a.metric - b.metric).map(({ device }) => device);
  }
}

/** Any port would do: nothing is sent. */
const DISCARD = 9;

/** The address that packets to a host would leave with; undefined where no route leads there. */
export async function addressTo(family: Family, host: string): Promise<IpAddress | undefined> {
  const socket = createSocket(`udp${family}`);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      // Node's types leave out that the callback is told of a failure.
      socket.connect(DISCARD, host, (error?: unknown) => (error ? reject(error) : resolve()));
    });
    return parseIp(socket.address().address);
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

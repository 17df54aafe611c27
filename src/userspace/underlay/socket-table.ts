/**
 * The sockets of the endpoints of a plan. Those that a new plan needs too are kept open, so that what
 * waits in them is not lost; those that it does not need are closed when nobody uses them any more.
 */

import type { TunnelEndpoint } from "../../../encap/forwarding-plan.ts";
import { reasonOf } from "../../errors.ts";
import { closeEndpointSockets, type EndpointSockets } from "./endpoint-sockets.ts";
import { ipipSocketKey, openIpipSockets } from "./ipip-socket.ts";
import { adjustVxlanSockets, openVxlanSockets, vxlanSocketKey } from "./vxlan-socket.ts";

/** The sockets of one endpoint, or why there are none. */
export type OpenedSockets = EndpointSockets | { readonly failure: string };

export class SocketTable {
  #open = new Map<string, EndpointSockets>();
  /** Not in the newest plan, but perhaps still in the worker's. */
  #retired: EndpointSockets[] = [];

  /** Opens what `endpoints` need and is not open; the result has the same order. */
  openFor(endpoints: readonly TunnelEndpoint[]): OpenedSockets[] {
    const next = new Map<string, EndpointSockets>();
    // First all that can be kept: what is left then holds ports that the others may need.
    for (const endpoint of endpoints) {
      const key = keyOf(endpoint);
      const kept = this.#open.get(key);
      if (kept !== undefined) next.set(key, kept);
    }
    for (const [key, sockets] of this.#open) if (!next.has(key)) this.#retired.push(sockets);
    this.#open = next;
    return endpoints.map((endpoint) => this.#openOne(endpoint));
  }

  #openOne(endpoint: TunnelEndpoint): OpenedSockets {
    const key = keyOf(endpoint);
    const kept = this.#open.get(key);
    try {
      if (kept !== undefined) {
        if (endpoint.encap === "vxlan") adjustVxlanSockets(kept, endpoint);
        return kept;
      }
      const sockets =
        endpoint.encap === "vxlan" ? openVxlanSockets(endpoint) : openIpipSockets(endpoint);
      this.#open.set(key, sockets);
      return sockets;
    } catch (error) {
      return { failure: reasonOf(error) };
    }
  }

  /** Closes what the newest plan does not need. */
  closeRetired(): void {
    for (const sockets of this.#retired.splice(0)) closeEndpointSockets(sockets);
  }

  closeAll(): void {
    this.#retired.push(...this.#open.values());
    this.#open.clear();
    this.closeRetired();
  }
}

function keyOf(endpoint: TunnelEndpoint): string {
  return endpoint.encap === "vxlan" ? vxlanSocketKey(endpoint) : ipipSocketKey(endpoint);
}

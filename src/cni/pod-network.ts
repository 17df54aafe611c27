/** What this node offers to pods, kept as a conflist that follows blocks, addresses and MTU. */
import type { LocalTunnels } from "../../tunnels/desired/local-tunnel.ts";
import type { Problem } from "../../tunnels/desired/problem.ts";
import type { AllocationBlock } from "../../tunnels/ipam/allocation-block.ts";
import type { KernelState, Link } from "../../tunnels/kernel/kernel-state.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import { conflistOf } from "./conflist.ts";
import { ConflistFile } from "./conflist-file.ts";
import { cniDirectory, dataDirectory } from "./pods.ts";

export interface PodNetworkParts {
  readonly runDir: string;
  /** A container runtime's own directory, where it shall find the conflist too. */
  readonly cniDir: string | undefined;
  readonly log: Logger;
}

export interface ParentLinks {
  /** Names of the parent devices. */
  readonly parents: ReadonlySet<string>;
  readonly actual: Pick<KernelState, "links">;
}

export class PodNetwork {
  readonly #parts: PodNetworkParts;
  readonly #file: ConflistFile;
  #problem: Problem | undefined;

  constructor(parts: PodNetworkParts) {
    const { runDir, cniDir } = parts;
    this.#parts = parts;
    this.#file = new ConflistFile([
      cniDirectory(runDir),
      ...(cniDir === undefined ? [] : [cniDir]),
    ]);
  }

  problems(): readonly Problem[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /**
   * Told of what there is; a conflist that is right already stays untouched, and so does one that
   * there are no blocks for any more: pods may still be running.
   */
  keep(
    registered: { readonly podBlocks: readonly AllocationBlock[] } | undefined,
    tunnels: LocalTunnels,
    { parents, actual }: ParentLinks,
  ): void {
    const blocks = registered?.podBlocks ?? [];
    if (blocks.length === 0) return;
    const links = [...parents].map((parent) => actual.links.get(parent));
    const mtu = podMtu(tunnels, links);
    const conflist = conflistOf({ blocks, mtu, dataDir: dataDirectory(this.#parts.runDir) });
    if (conflist === undefined) {
      const listed = blocks.map(({ cidr }) => cidr).join(", ");
      this.#failed(`no address for pods is left in ${listed}`, "give the pool larger blocks");
      return;
    }
    try {
      if (this.#file.keep(conflist)) this.#parts.log.info({ mtu }, "conflist written");
      this.#problem = undefined;
    } catch (error) {
      const hint = error instanceof CausewayError ? error.hint : undefined;
      this.#failed(reasonOf(error), hint ?? "causeway status");
    }
  }

  #failed(reason: string, hint: string): void {
    this.#problem = { subject: "pods", reason, hint, severity: "error" };
  }
}

/** Bytes that reach every other pod unfragmented, whichever tunnel they take. */
export function podMtu(tunnels: LocalTunnels, parents: readonly (Link | undefined)[]): number {
  const wanted = Object.values(tunnels).map(({ mtu }) => mtu as number);
  const found = wanted.length > 0 ? wanted : parents.flatMap((link) => link?.mtu ?? []);
  return found.length === 0 ? ETHERNET : Math.min(...found);
}

const ETHERNET = 1_500;

/** What is known of narrow paths. As long as there are none, asking costs nothing. */
import { PathMtuCache } from "../../../encap/path-mtu.ts";
import type { LivePlan } from "./live-plan.ts";
import { REMOTE_WORDS } from "./shared-plan.ts";

/** No packet is longer: stands for "nothing is known". */
const UNLIMITED = 65_535;

export class PathMtus {
  #cache: PathMtuCache | undefined;
  #remotes = 0;
  #revision = 0;

  /** Forgets what was learnt if remotes have changed. The kernel and the underlay tell it again. */
  adopt({ remotes, remotesRevision }: LivePlan): void {
    if (remotesRevision === this.#revision) return;
    this.#revision = remotesRevision;
    this.#remotes = remotes.length / REMOTE_WORDS;
    this.#cache = undefined;
  }

  /** The largest inner packet on the way to `remote`, at most `usual`. */
  mtuOf(remote: number, usual: number): number {
    if (this.#cache === undefined) return usual;
    return Math.min(usual, this.#cache.mtuOf(remote, performance.now()));
  }

  learn(remote: number, mtu: number): void {
    this.#cache ??= new PathMtuCache(this.#remotes, UNLIMITED);
    this.#cache.learn(remote, mtu, performance.now());
  }
}

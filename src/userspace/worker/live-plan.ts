/** The plan that a worker goes by, as it is read for each packet. */
import { RemoteTable } from "../../../encap/remote-table.ts";
import { REMOTE_ENDPOINT, REMOTE_WORDS, type SharedPlan } from "./shared-plan.ts";

export class LivePlan {
  readonly revision: number;
  readonly table: RemoteTable;
  /** See shared-plan.ts. */
  readonly remotes: Int32Array;
  /** Which remotes these are: with the same number they have not changed. */
  readonly remotesRevision: number;

  constructor({ revision, prefixes, remotes, remotesRevision }: SharedPlan) {
    this.revision = revision;
    this.table = new RemoteTable(prefixes);
    this.remotes = new Int32Array(remotes);
    this.remotesRevision = remotesRevision;
  }

  /** Index of the endpoint that serves a remote, or `NO_ENDPOINT`. */
  endpointOf(remote: number): number {
    return this.remotes[remote * REMOTE_WORDS + REMOTE_ENDPOINT] as number;
  }
}

/** A data path that moves nothing and remembers what it goes by. */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import type { ForwardingPlan, Remote } from "../../encap/forwarding-plan.ts";
import type {
  DataPath,
  DataPathCounters,
  EndpointReport,
  Restarts,
} from "../../src/userspace/data-path.ts";

export class FakeDataPath implements DataPath {
  /** In force; undefined while it does not run. */
  plan: ForwardingPlan | undefined;
  /** Undefined: it starts. */
  startFailure: Error | undefined;
  /** The next so many plans find no endpoint served. */
  unservedPlans = 0;
  /** Plans are taken and never adopted, as if the worker had died. */
  isStuck = false;
  restarts: Restarts = { count: 0, lastReason: undefined, lastAt: undefined };
  endpoints: EndpointReport[] = [];
  /** What was asked of it. */
  readonly calls: ("start" | "replace" | "stop")[] = [];

  async start(): Promise<void> {
    this.calls.push("start");
    if (this.startFailure !== undefined) throw this.startFailure;
  }

  async replace(plan: ForwardingPlan): Promise<void> {
    this.calls.push("replace");
    const isServed = this.unservedPlans === 0;
    if (!isServed) this.unservedPlans--;
    this.endpoints = plan.endpoints.map(({ encap, localAddress }) => ({
      encap,
      family: localAddress.family,
      localAddress,
      engine: isServed ? "offload" : undefined,
      reason: isServed ? undefined : "address in use",
    }));
    if (this.isStuck) await new Promise(() => undefined);
    this.plan = plan;
  }

  counters(): DataPathCounters {
    const none = { packets: 0, bytes: 0 };
    return { sent: none, received: none, drops: new Map([[DropReason.NoRemote, 3]]) };
  }

  async stop(): Promise<void> {
    this.calls.push("stop");
    this.plan = undefined;
    this.endpoints = [];
  }

  /** Where a packet for the address goes. */
  remoteOf({ family, w0, w1, w2, w3 }: IpAddress): Remote | undefined {
    const table = this.plan?.prefixes;
    const index = family === 4 ? table?.lookupIpv4(w0) : table?.lookupIpv6(w0, w1, w2, w3);
    return this.plan?.remotes[index ?? -1];
  }
}

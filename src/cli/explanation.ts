/**
 * What becomes of a packet to an address: each thing on its way that has to be so, and whether the
 * kernel has it. What a plan made now would do about one of them is what is missing.
 */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { Problem } from "../../tunnels/desired/problem.ts";
import { nodeAddress } from "../../tunnels/desired/tunnel-role.ts";
import type { Whereabouts } from "../../tunnels/desired/whereabouts.ts";
import { describeOp, describeRoute, objectName } from "../../tunnels/kernel/describe-op.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import {
  fdbKey,
  neighbourKey,
  parentOf,
  type RoutePath,
} from "../../tunnels/kernel/kernel-state.ts";
import type { Plan } from "./make-plan.ts";

export interface ExplainedLink {
  /** "pool", "block", "node", "path", "device", "route", "nexthop", "neighbour", "FDB", "parent". */
  readonly name: string;
  readonly text: string;
  readonly ok: boolean;
  /** It is the kernel's, so that a running agent keeps it right. */
  readonly isKernel: boolean;
  /** What is wrong, if something is. */
  readonly found?: string;
  /** What mends it, as commands or in words. */
  readonly mend: readonly string[];
}

export interface Explanation {
  readonly address: string;
  /** One sentence: where the address is and how its packets travel. */
  readonly summary: string;
  readonly links: readonly ExplainedLink[];
  readonly ok: boolean;
}

export function explain(address: IpAddress, plan: Plan): Explanation {
  const where = plan.agent.overlay.whereabouts(address);
  const links = [...new Explainer(address, where, plan).links()];
  return {
    address: String(address),
    summary: summaryOf(address, where),
    links,
    ok: links.every(({ ok }) => ok),
  };
}

function summaryOf(address: IpAddress, { pool, block, decided, isLocal }: Whereabouts): string {
  const inPool = pool === undefined ? "in no pool" : `pool "${pool.name}", ${modeOf(pool)}`;
  if (decided === undefined) {
    const where = pool === undefined ? "" : "; no node has a block around it";
    return `${address} is nobody's (${inPool}${where})`;
  }
  const { what, decision } = decided;
  if (decision.what === "block" && block !== undefined) {
    const holder = isLocal ? `this node, ${decision.node}` : `node ${decision.node}`;
    return `${address} is in block ${block.cidr} of ${holder} (${inPool})`;
  }
  return `${address} is the ${what} (${inPool})`;
}

function modeOf({ encap, mode }: { readonly encap: string; readonly mode: string }): string {
  const names: Readonly<Record<string, string>> = { vxlan: "VXLAN", ipip: "IP-in-IP" };
  return `${names[encap] ?? "no encapsulation"} ${mode}`;
}

class Explainer {
  readonly #address: IpAddress;
  readonly #where: Whereabouts;
  readonly #plan: Plan;
  readonly #ops: ReadonlyMap<string, KernelOp>;

  constructor(address: IpAddress, where: Whereabouts, plan: Plan) {
    this.#address = address;
    this.#where = where;
    this.#plan = plan;
    this.#ops = new Map(plan.ops.map((op) => [objectName(op), op]));
  }

  *links(): Generator<ExplainedLink> {
    const { pool, block, decided, holder, isLocal } = this.#where;
    yield pool === undefined
      ? wrong("pool", "none", "no pool has it", "add an IPPool around it")
      : right("pool", `${pool.name}  ${pool.cidr}`);
    if (decided === undefined) {
      const mend = "wait for its node to claim a block, or write one: an IPAMBlock";
      yield wrong("block", "none", "no node has it", mend);
      return;
    }
    if (block !== undefined) yield right("block", `${block.cidr} → ${block.node ?? "nobody"}`);
    yield* this.#node();
    if (isLocal) yield right("path", "on this node: a route of the pod itself, else a blackhole");
    else if (decided.path === undefined) yield this.#noPath();
    else yield right("path", this.#pathText());
    if (decided.path !== undefined) yield* this.#objects(decided.path);
    else if (holder === undefined) return;
  }

  *#node(): Generator<ExplainedLink> {
    const { decided, holder } = this.#where;
    const name = decided?.decision.node ?? "";
    if (holder === undefined) {
      yield wrong("node", name, "the datastore has no record of it", `write a Node "${name}"`);
      return;
    }
    const { family } = this.#address;
    const parts = [`${name} ${nodeAddress(holder.node, 4)?.address ?? ""}`.trimEnd()];
    const address6 = nodeAddress(holder.node, 6)?.address;
    if (address6 !== undefined) parts.push(String(address6));
    const vtep = holder.vteps.find((one) => one.family === family);
    if (vtep !== undefined) parts.push(`tunnel ${vtep.tunnelIp}`, vtep.mac);
    yield right("node", parts.join(", "));
  }

  #pathText(): string {
    const { decided, holder, subnet } = this.#where;
    const encap = decided?.decision.encap;
    if (decided?.decision.what === "node address") return "the underlay's own, beside every tunnel";
    const address = holder && nodeAddress(holder.node, this.#address.family)?.address;
    const isInside = address !== undefined && subnet?.contains(address) === true;
    const where =
      address === undefined || subnet === undefined
        ? ""
        : ` (${address} is ${isInside ? "inside" : "outside"} our subnet ${subnet})`;
    return `${encap === undefined || encap === "none" ? "direct" : encap}${where}`;
  }

  /** The reason stands among the problems of the calculation. */
  #noPath(): ExplainedLink {
    const { agent } = this.#plan;
    const node = this.#where.decided?.decision.node ?? "";
    const problems = agent.problems();
    const about = problems.filter(({ subject }) => subject.includes(node));
    const [reason] = about.length > 0 ? about : problems;
    return { name: "path", text: "none", ok: false, isKernel: false, ...causeOf(reason) };
  }

  *#objects(path: RoutePath): Generator<ExplainedLink> {
    const { desired } = this.#plan.agent.overlay;
    const prefix = this.#where.decided?.prefix;
    if (prefix === undefined) return;
    yield this.#object("sysctl", `sysctl net.ipv${prefix.family}.${forwarding(prefix.family)}`);
    const nexthop = path.nexthopId === undefined ? undefined : desired.nexthops.get(path.nexthopId);
    const device = nexthop?.device ?? path.device;
    const gateway = nexthop?.gateway ?? path.gateway;
    yield* this.#device(device);
    yield this.#object("route", `route ${prefix}`, describeRoute({ destination: prefix, path }));
    if (nexthop !== undefined) {
      const text = `via ${nexthop.gateway ?? ""} dev ${nexthop.device}`.replace("via  ", "");
      yield this.#object("nexthop", `nexthop ${nexthop.id}`, `${nexthop.id} ${text}`);
    }
    if (device === undefined || gateway === undefined) return;
    const neighbour = desired.neighbours.get(neighbourKey({ device, ip: gateway }));
    if (neighbour === undefined) return;
    const { ip, mac } = neighbour;
    yield this.#object("neighbour", `neighbour ${ip} on ${device}`, `${ip} → ${mac} permanent`);
    const entry = desired.fdb.get(fdbKey({ device, mac }));
    if (entry === undefined) return;
    yield this.#object("FDB", `FDB entry ${mac} on ${device}`, `${mac} → ${entry.destination}`);
  }

  *#device(name: string | undefined): Generator<ExplainedLink> {
    const { overlay, reconciler } = this.#plan.agent;
    const link = overlay.desired.links.get(name ?? "");
    if (link !== undefined) {
      yield this.#object("device", `device ${link.name}`, `${link.name}, MTU ${link.mtu}`);
    }
    const parentName = link === undefined ? name : parentOf(link.tunnel);
    const parent = reconciler.actual.links.get(parentName ?? "");
    if (parent === undefined) return;
    const text = `${parent.name}, MTU ${parent.mtu}`;
    if (!parent.up) yield wrong("parent", text, "is down", `ip link set ${parent.name} up`);
    else if (!parent.running) yield wrong("parent", text, "has no carrier", "mend its link");
    else yield right("parent", text);
  }

  /** An object that the kernel has exactly if the plan has nothing to do about it. */
  #object(
    name: string,
    object: string,
    text: string = object.slice(name.length + 1),
  ): ExplainedLink {
    const op = this.#ops.get(object);
    if (op === undefined) return { ...right(name, text), isKernel: true };
    const instead = this.#plan.found.get(op);
    const found =
      op.reason === "missing"
        ? "is not in the kernel"
        : instead === undefined
          ? "the kernel has another"
          : `the kernel has ${instead}`;
    return { name, text, ok: false, isKernel: true, found, mend: describeOp(op) };
  }
}

function forwarding(family: number): string {
  return family === 4 ? "ip_forward" : "conf.all.forwarding";
}

function causeOf(problem: Problem | undefined): Pick<ExplainedLink, "found" | "mend"> {
  if (problem === undefined) return { found: "nothing leads there", mend: [] };
  const { reason, hint } = problem;
  return { found: reason, mend: hint === undefined ? [] : [hint] };
}

function right(name: string, text: string): ExplainedLink {
  return { name, text, ok: true, isKernel: false, mend: [] };
}

function wrong(name: string, text: string, found: string, mend: string): ExplainedLink {
  return { name, text, ok: false, isKernel: false, found, mend: [mend] };
}

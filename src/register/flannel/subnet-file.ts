/** `subnet.env`: what flannel's CNI plugin and container engines read of this node's subnet. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Cidr, parseAddressWithLength } from "../../../encap/address/cidr.ts";
import { IpAddress } from "../../../encap/address/ip-address.ts";
import type { LocalTunnels } from "../../../tunnels/desired/local-tunnel.ts";
import type { Problem } from "../../../tunnels/desired/problem.ts";
import type { FlannelNetwork } from "../../datastore/flannel/network.ts";
import { reasonOf } from "../../errors.ts";
import type { Logger } from "../../observe/log.ts";

export interface SubnetFacts {
  readonly network: FlannelNetwork;
  readonly subnets: readonly Cidr[];
}

/** In flannel's order. `mtu`: bytes that reach every pod unfragmented. */
export function formatSubnetFile({ network, subnets }: SubnetFacts, mtu: number): string {
  const lines: string[] = [];
  for (const [family, prefix] of [[4, "FLANNEL_"] as const, [6, "FLANNEL_IPV6_"] as const]) {
    const range = network.ranges[family];
    const subnet = subnets.find((one) => one.family === family);
    if (range === undefined || subnet === undefined) continue;
    lines.push(`${prefix}NETWORK=${range.network}`);
    lines.push(`${prefix}SUBNET=${firstAddress(subnet)}/${subnet.length}`);
  }
  // Nobody here masquerades: the plugin is to do it.
  return [...lines, `FLANNEL_MTU=${mtu}`, "FLANNEL_IPMASQ=false", ""].join("\n");
}

/** The IPv4 subnet that the file names; undefined where there is none. */
export function parseSubnetFile(text: string): Cidr | undefined {
  const [, value = ""] = /^FLANNEL_SUBNET=(.+)$/m.exec(text) ?? [];
  try {
    const { address, length } = parseAddressWithLength(value.trim());
    return length === undefined || address.family !== 4 ? undefined : new Cidr(address, length);
  } catch {
    return undefined;
  }
}

export class SubnetFile {
  readonly path: string;
  readonly #log: Logger;
  readonly #facts: () => SubnetFacts | undefined;
  #written: string | undefined;
  #problem: Problem | undefined;

  /** @param facts what this node has in the network now */
  constructor(path: string, log: Logger, facts: () => SubnetFacts | undefined) {
    this.path = path;
    this.#log = log;
    this.#facts = facts;
  }

  /** The subnet that it named before this run wrote anything, by us or by flannel. */
  previous(): Cidr | undefined {
    const text = textOf(this.path);
    return text === undefined ? undefined : parseSubnetFile(text);
  }

  problems(): readonly Problem[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Told of the tunnels that there are. A file that is right already stays untouched. */
  keep(_registered: unknown, tunnels: LocalTunnels): void {
    const facts = this.#facts();
    const mtus = Object.values(tunnels).map(({ mtu }) => mtu as number);
    if (facts === undefined || mtus.length === 0) return;
    const text = formatSubnetFile(facts, Math.min(...mtus));
    if (text === this.#written) return;
    try {
      // Whoever reads meanwhile finds the old one or the new one, never a part.
      if (textOf(this.path) !== text) {
        mkdirSync(dirname(this.path), { recursive: true });
        writeFileSync(`${this.path}.new`, text);
        renameSync(`${this.path}.new`, this.path);
        this.#log.info({ file: this.path }, "subnet file written");
      }
      this.#written = text;
      this.#problem = undefined;
    } catch (error) {
      const subject = "pods";
      const reason = `cannot write ${this.path}: ${reasonOf(error)}`;
      const hint = "let the agent write there, or name another --subnet-file";
      this.#problem = { subject, reason, hint, severity: "error" };
    }
  }
}

/** What the bridge of the pods gets. */
function firstAddress({ address }: Cidr): IpAddress {
  const { family, w0, w1, w2, w3 } = address;
  return family === 4 ? new IpAddress(4, w0 + 1) : new IpAddress(6, w0, w1, w2, w3 + 1);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

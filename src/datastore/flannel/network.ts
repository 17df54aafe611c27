/**
 * flannel's network configuration: the key `config` in etcd, `net-conf.json` in Kubernetes. Names are
 * read in any case, as Go's JSON has it.
 */
import { type Cidr, parseCidr } from "../../../encap/address/cidr.ts";
import { type Family, type IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import type { ProblemList } from "../record-problem.ts";

/** One family of the network, and which subnets of it nodes may take. */
export interface FlannelRange {
  readonly network: Cidr;
  /** Undefined for what follows from the network. */
  readonly subnetLength: number | undefined;
  readonly min: IpAddress | undefined;
  readonly max: IpAddress | undefined;
}

export interface FlannelNetwork {
  readonly ranges: { readonly [F in Family]?: FlannelRange };
  readonly vni: number;
  readonly port: number;
  /** Of the underlay, in bytes; 0 for that of the parent device. */
  readonly mtu: number;
  readonly directRouting: boolean;
}

/** What the kernel's own VXLAN default is, which flannel leaves it at. */
const KERNEL_PORT = 8472;
const VNI = 1;

/** Undefined where `problems` says why. */
export function readNetwork(raw: unknown, problems: ProblemList): FlannelNetwork | undefined {
  const config = new Fields(raw, [], problems);
  const backend = new Fields(config.value("Backend") ?? {}, ["Backend"], problems);
  checkBackend(backend, problems);
  const ranges: { [F in Family]?: FlannelRange } = {};
  for (const family of [4, 6] as const) {
    const isOn = config.flag(`EnableIPv${family}`) ?? family === 4;
    const range = isOn ? readRange(config, family, problems) : undefined;
    if (range !== undefined) ranges[family] = range;
  }
  const network = {
    ranges,
    vni: backend.number("VNI", 1, 0xffffff) ?? VNI,
    port: backend.number("Port", 0, 65_535) || KERNEL_PORT,
    mtu: backend.number("MTU", 0, 65_535) ?? 0,
    directRouting: backend.flag("DirectRouting") ?? false,
  };
  return problems.hasErrors ? undefined : network;
}

function readRange(
  config: Fields,
  family: Family,
  problems: ProblemList,
): FlannelRange | undefined {
  const prefix = family === 4 ? "" : "IPv6";
  const named = (name: string): string => `${prefix}${name}`;
  const network = config.text(named("Network"), (text) => {
    const cidr = parseCidr(text, false);
    if (cidr.family !== family) throw new SyntaxError(`is not an IPv${family} prefix`);
    return cidr;
  });
  if (network === undefined) {
    if (config.value(named("Network")) === undefined) problems.error([named("Network")], "missing");
    return undefined;
  }
  const within = (text: string): IpAddress => {
    const address = parseIp(text);
    if (!network.contains(address)) throw new SyntaxError(`is not in ${network}`);
    return address;
  };
  return {
    network,
    subnetLength: config.number(named("SubnetLen"), 0, family === 4 ? 32 : 128) || undefined,
    min: config.text(named("SubnetMin"), within),
    max: config.text(named("SubnetMax"), within),
  };
}

function checkBackend(backend: Fields, problems: ProblemList): void {
  const type = backend.value("Type");
  // What flannel takes where nothing is said; its nodes could not be reached by VXLAN.
  const shown = type === undefined || type === "" ? "udp, since none is named" : type;
  if (typeof type !== "string" || type.toLowerCase() !== "vxlan") {
    problems.error(
      ["Backend", "Type"],
      "causeway joins flannel networks of type vxlan only",
      shown,
    );
  }
  if (backend.flag("GBP") === true) {
    problems.warn(["Backend", "GBP"], "policy ids of VXLAN are neither sent nor taken here");
  }
}

/** The members of a JSON object by name, whatever the case. */
class Fields {
  readonly #members: ReadonlyMap<string, unknown>;
  readonly #path: readonly string[];
  readonly #problems: ProblemList;

  constructor(raw: unknown, path: readonly string[], problems: ProblemList) {
    const isObject = typeof raw === "object" && raw !== null && !Array.isArray(raw);
    if (!isObject) problems.error(path, "must be an object", raw);
    const entries = isObject ? Object.entries(raw) : [];
    this.#members = new Map(entries.map(([name, value]) => [name.toLowerCase(), value]));
    this.#path = path;
    this.#problems = problems;
  }

  value(name: string): unknown {
    return this.#members.get(name.toLowerCase()) ?? undefined;
  }

  text<T>(name: string, parse: (text: string) => T): T | undefined {
    const value = this.value(name);
    if (value === undefined || value === "") return undefined;
    if (typeof value === "string") return this.#problems.attempt(this.#at(name), value, parse);
    this.#problems.error(this.#at(name), "must be a string", value);
    return undefined;
  }

  number(name: string, least: number, most: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) {
      return value;
    }
    this.#problems.error(this.#at(name), `not a whole number from ${least} to ${most}`, value);
    return undefined;
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "boolean") return value;
    this.#problems.error(this.#at(name), "must be true or false", value);
    return undefined;
  }

  #at(name: string): string[] {
    return [...this.#path, name];
  }
}

/**
 * Changes of a link as the `ip link` commands that do the same. A new device names what is not the
 * default of `ip`; a changed one names each parameter that differs and no other, because the
 * kernel refuses a change of, say, the port even to the value that it has.
 */
import type { LinkOp } from "./kernel-op.ts";
import type {
  IpipParameters,
  Link,
  TunnelParameters,
  TunParameters,
  VxlanParameters,
} from "./kernel-state.ts";
import { differingFields } from "./link-change.ts";

/** The commands, one to a line. */
export function describeLink(op: LinkOp): string[] {
  const { name } = op.object;
  if (op.verb === "delete") return [`ip link delete ${name}`];
  if (op.verb === "add" && op.object.tunnel?.kind === "tun") {
    // rtnetlink refuses to make one.
    const { mtu, up, tunnel } = op.object;
    const words = wordsOf(tunnel, ({ isDefault }) => isDefault?.(tunnel) !== true);
    return [
      `ip tuntap add ${name} ${words.join(" ")}`,
      `ip link set ${name} mtu ${mtu}${up ? " up" : ""}`,
    ];
  }
  if (op.verb === "add") {
    const lines = [`ip link add ${name}${settings(op.object)} ${describeTunnel(op.object.tunnel)}`];
    if (op.object.up) lines.push(`ip link set ${name} up`);
    return lines;
  }
  const fields = differingFields(op.actual ?? op.object, op.object);
  const lines: string[] = [];
  const tunnelWords = wordsOf(op.object.tunnel, (_, field) => fields.includes(field));
  // First: the parent limits the MTU.
  if (tunnelWords.length > 0) {
    lines.push(`ip link set ${name} type ${op.object.kind} ${tunnelWords.join(" ")}`);
  }
  const words: string[] = [];
  if (fields.includes("mtu")) words.push(`mtu ${op.object.mtu}`);
  if (fields.includes("mac")) words.push(`address ${op.object.mac}`);
  if (fields.includes("up")) words.push(op.object.up ? "up" : "down");
  if (words.length > 0) lines.push(`ip link set ${name} ${words.join(" ")}`);
  return lines;
}

/** Tunnel parameters as `ip link add … type` takes them; what is its default is left out. */
export function describeTunnel(tunnel: TunnelParameters | undefined): string {
  if (tunnel === undefined) return "";
  const words = wordsOf(tunnel, ({ isDefault }) => isDefault?.(tunnel) !== true);
  return [`type ${tunnel.kind}`, ...words].join(" ");
}

interface Words<Parameters> {
  /** Empty for what has no words of its own. */
  readonly say: (tunnel: Parameters) => string;
  /** Absent: named whatever it is. */
  readonly isDefault?: (tunnel: Parameters) => boolean;
}

type Table<Parameters> = {
  readonly [Field in Exclude<keyof Parameters, "kind">]: Words<Parameters>;
};

const no = (value: boolean, word: string): string => (value ? word : `no${word}`);

/** In the order in which people are used to read them. */
const VXLAN_WORDS: Table<VxlanParameters> = {
  external: { say: (t) => no(t.external, "external"), isDefault: (t) => !t.external },
  vni: { say: (t) => `id ${t.vni}`, isDefault: (t) => t.external },
  local: { say: (t) => `local ${t.local ?? "any"}`, isDefault: (t) => t.local === undefined },
  group: { say: (t) => `group ${t.group ?? "any"}`, isDefault: (t) => t.group === undefined },
  parent: {
    say: (t) => (t.parent === undefined ? "" : `dev ${t.parent}`),
    isDefault: (t) => t.parent === undefined,
  },
  port: { say: (t) => `dstport ${t.port}` },
  learning: { say: (t) => no(t.learning, "learning") },
  portLow: {
    say: (t) => `srcport ${t.portLow} ${t.portHigh}`,
    isDefault: (t) => t.portHigh === 0,
  },
  portHigh: { say: () => "" },
  ageing: { say: (t) => `ageing ${t.ageing}`, isDefault: (t) => t.ageing === 300 },
  proxy: { say: (t) => no(t.proxy, "proxy"), isDefault: (t) => !t.proxy },
  l2miss: { say: (t) => no(t.l2miss, "l2miss"), isDefault: (t) => !t.l2miss },
  l3miss: { say: (t) => no(t.l3miss, "l3miss"), isDefault: (t) => !t.l3miss },
  gbp: { say: (t) => (t.gbp ? "gbp" : "") },
  udpChecksum: { say: (t) => no(t.udpChecksum, "udpcsum"), isDefault: (t) => t.udpChecksum },
  zeroChecksum6Tx: {
    say: (t) => no(t.zeroChecksum6Tx, "udp6zerocsumtx"),
    isDefault: (t) => !t.zeroChecksum6Tx,
  },
  zeroChecksum6Rx: {
    say: (t) => no(t.zeroChecksum6Rx, "udp6zerocsumrx"),
    isDefault: (t) => !t.zeroChecksum6Rx,
  },
  ttl: { say: (t) => `ttl ${t.ttl}`, isDefault: (t) => t.ttl === 0 || t.ttlInherit },
  ttlInherit: { say: (t) => (t.ttlInherit ? "ttl inherit" : "") },
  tos: { say: (t) => `tos ${t.tos}`, isDefault: (t) => t.tos === 0 },
};

const IPIP_WORDS: Table<IpipParameters> = {
  external: { say: (t) => (t.external ? "external" : "") },
  protocol: { say: (t) => `mode ${IPIP_MODES[t.protocol] ?? t.protocol}` },
  local: { say: (t) => `local ${t.local ?? "any"}` },
  remote: { say: (t) => `remote ${t.remote ?? "any"}` },
  parent: {
    say: (t) => (t.parent === undefined ? "" : `dev ${t.parent}`),
    isDefault: (t) => t.parent === undefined,
  },
  pmtuDiscovery: {
    say: (t) => no(t.pmtuDiscovery, "pmtudisc"),
    isDefault: (t) => t.pmtuDiscovery,
  },
  ttl: { say: (t) => `ttl ${t.ttl}`, isDefault: (t) => t.ttl === 0 },
  tos: { say: (t) => `tos ${t.tos}`, isDefault: (t) => t.tos === 0 },
};

const TUN_WORDS: Table<TunParameters> = {
  mode: { say: (t) => `mode ${t.mode}` },
  multiQueue: { say: (t) => (t.multiQueue ? "multi_queue" : ""), isDefault: (t) => !t.multiQueue },
};

const WORDS = { vxlan: VXLAN_WORDS, ipip: IPIP_WORDS, tun: TUN_WORDS };

const IPIP_MODES: Readonly<Record<number, string>> = { 0: "any", 4: "ipip", 137: "mplsip" };

function wordsOf(
  tunnel: TunnelParameters | undefined,
  isNamed: (row: Words<TunnelParameters>, field: string) => boolean,
): string[] {
  if (tunnel === undefined) return [];
  return (Object.entries(WORDS[tunnel.kind]) as [string, Words<TunnelParameters>][])
    .filter(([field, row]) => isNamed(row, field))
    .map(([, row]) => row.say(tunnel))
    .filter((words) => words !== "");
}

function settings(link: Link): string {
  return `${link.mac ? ` address ${link.mac}` : ""} mtu ${link.mtu}`;
}

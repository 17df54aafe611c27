/**
 * A packet on one line, outer and inner, in tcpdump's words:
 *
 *   IP 192.0.2.1.43870 > 192.0.2.2.4789: VXLAN vni 4096: IP 10.244.0.1 > 10.244.1.1: ICMP echo reply, …
 */
import { dropReasonText } from "./drop-reason.ts";
import * as icmp from "./header/icmp.ts";
import type { IcmpLayer, IpLayer, PacketLayer, TcpLayer } from "./packet-layer.ts";

export interface SummaryOptions {
  /** Traffic class, TTL, DF, identification or flow label of each IP header. */
  readonly fields?: boolean;
  /** MAC addresses and VLANs. */
  readonly ethernet?: boolean;
}

/** Ends with "[refused: why]" or "[rest not captured]" if the list does. */
export function packetSummary(
  layers: readonly PacketLayer[],
  { fields = false, ethernet = false }: SummaryOptions = {},
): string {
  const parts: string[] = [];
  let refusal = "";
  for (const [at, layer] of layers.entries()) {
    switch (layer.kind) {
      case "ethernet":
        if (ethernet) parts.push(ethernetText(layer.source, layer.destination, layer.vlans));
        if (layers[at + 1]?.kind === "data") parts.push(etherTypeText(layer.ethertype));
        break;
      case "cooked":
        if (ethernet) parts.push([layer.source ?? "?", ...layer.vlans.map(vlanText)].join(" "));
        if (layers[at + 1]?.kind === "data") parts.push(etherTypeText(layer.ethertype));
        break;
      case "ip":
        parts.push(ipText(layer, layers[at + 1], fields));
        break;
      case "udp":
        if (layers[at + 1]?.kind !== "vxlan") parts.push(`UDP, length ${layer.length}`);
        break;
      case "tcp":
        parts.push(tcpText(layer));
        break;
      case "icmp":
        parts.push(icmpText(layer));
        break;
      case "vxlan":
        parts.push(`VXLAN vni ${layer.vni}`);
        break;
      case "data":
        parts.push(`length ${layer.length}`);
        break;
      case "uncaptured":
        refusal = "[rest not captured]";
        break;
      case "refused":
        refusal = `[refused: ${dropReasonText(layer.reason)}]`;
        break;
    }
  }
  return [parts.join(": "), refusal].filter((text) => text !== "").join(" ");
}

function ethernetText(source: string, destination: string, vlans: readonly number[]): string {
  return [`${source} > ${destination}`, ...vlans.map(vlanText)].join(" ");
}

function vlanText(vlan: number): string {
  return `vlan ${vlan}`;
}

function etherTypeText(ethertype: number): string {
  return `ethertype 0x${ethertype.toString(16).padStart(4, "0")}`;
}

function ipText(layer: IpLayer, next: PacketLayer | undefined, fields: boolean): string {
  const hasPorts = next?.kind === "udp" || next?.kind === "tcp";
  const from = hasPorts ? `.${next.sourcePort}` : "";
  const to = hasPorts ? `.${next.destinationPort}` : "";
  const name = layer.source.family === 4 ? "IP" : "IP6";
  const detail = fields ? ` ${fieldsText(layer)}` : "";
  const path = `${layer.source}${from} > ${layer.destination}${to}`;
  const piece = layer.isLaterFragment
    ? " later fragment"
    : layer.isFragment
      ? " first fragment"
      : "";
  const protocol = next?.kind === "data" ? `: protocol ${layer.protocol}` : "";
  return `${name}${detail} ${path}${piece}${protocol}`;
}

function fieldsText(layer: IpLayer): string {
  const isIpv4 = layer.source.family === 4;
  const words = [
    `tos 0x${layer.trafficClass.toString(16)}`,
    `ttl ${layer.ttl}`,
    isIpv4 ? `id ${layer.identification}` : `flowlabel 0x${layer.flowLabel.toString(16)}`,
    ...(isIpv4 && layer.dontFragment ? ["DF"] : []),
    `length ${layer.length}`,
  ];
  return `(${words.join(", ")})`;
}

const TCP_FLAG_LETTERS = "FSRP.UEW";

/** As tcpdump has it: "." is ACK, "E" is ECE, "W" is CWR. */
function tcpText({ flags, sequence, acknowledgment, window, length }: TcpLayer): string {
  const letters = [...TCP_FLAG_LETTERS].filter((_, bit) => (flags & (1 << bit)) !== 0).join("");
  const ack = letters.includes(".") ? `, ack ${acknowledgment}` : "";
  return `TCP [${letters || "none"}], seq ${sequence}${ack}, win ${window}, length ${length}`;
}

function icmpText({ family, type, code, rest, length }: IcmpLayer): string {
  const text =
    family === 4 ? `ICMP ${icmpv4Text(type, code, rest)}` : `ICMP6 ${icmpv6Text(type, code, rest)}`;
  return `${text}, length ${length}`;
}

const ICMPV4_TEXTS: Record<string, string> = {
  "0/0": "echo reply",
  "8/0": "echo request",
  "3/0": "net unreachable",
  "3/1": "host unreachable",
  "3/2": "protocol unreachable",
  "3/3": "port unreachable",
  "3/13": "unreachable - admin prohibited",
  "11/0": "time exceeded in-transit",
  "11/1": "ip reassembly time exceeded",
};

function icmpv4Text(type: number, code: number, rest: number): string {
  if (type === icmp.ICMP_DEST_UNREACH && code === icmp.ICMP_FRAG_NEEDED) {
    return `unreachable - need to frag (mtu ${rest & 0xffff})`;
  }
  return echoText(ICMPV4_TEXTS[`${type}/${code}`], type, code, rest);
}

const ICMPV6_TEXTS: Record<string, string> = {
  "128/0": "echo request",
  "129/0": "echo reply",
  "1/0": "unreachable route",
  "1/1": "unreachable prohibited",
  "1/3": "unreachable address",
  "1/4": "unreachable port",
  "3/0": "time exceeded in-transit",
  "3/1": "time exceeded reassembly",
  "133/0": "router solicitation",
  "134/0": "router advertisement",
  "135/0": "neighbor solicitation",
  "136/0": "neighbor advertisement",
};

function icmpv6Text(type: number, code: number, rest: number): string {
  if (type === icmp.ICMPV6_PKT_TOOBIG) return `packet too big, mtu ${rest}`;
  return echoText(ICMPV6_TEXTS[`${type}/${code}`], type, code, rest);
}

function echoText(text: string | undefined, type: number, code: number, rest: number): string {
  if (text === undefined) return `type ${type} code ${code}`;
  if (!text.startsWith("echo")) return text;
  return `${text}, id ${rest >>> 16}, seq ${rest & 0xffff}`;
}

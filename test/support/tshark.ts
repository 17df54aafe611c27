// What tshark finds in capture files: the oracle of our own decoder.

import { execFileSync, type StdioOptions } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of one IP header. */
export interface FoundIp {
  readonly source: string;
  readonly destination: string;
  /** Of the upper layer, behind extension headers. */
  readonly protocol: number;
  /** Bytes, header included. */
  readonly length: number;
}

export interface FoundPacket {
  /** Seconds since the epoch, with nine digits behind the point. */
  readonly time: string;
  readonly length: number;
  readonly captured: number;
  readonly ips: readonly FoundIp[];
  readonly vnis: readonly number[];
  readonly udps: readonly { readonly source: number; readonly length: number }[];
  readonly vlans: readonly number[];
}

const FIELDS = [
  "frame.time_epoch",
  "frame.len",
  "frame.cap_len",
  "frame.protocols",
  "ip.src",
  "ip.dst",
  "ip.proto",
  "ip.len",
  "ipv6.src",
  "ipv6.dst",
  "ipv6.nxt",
  "ipv6.plen",
  "ipv6.hopopts.nxt",
  "ipv6.dstopts.nxt",
  "ipv6.routing.nxt",
  "ipv6.fraghdr.nxt",
  "vxlan.vni",
  "udp.srcport",
  "udp.length",
  "vlan.id",
  "ieee8021ad.id",
] as const;
type Field = (typeof FIELDS)[number];

/** Why there is no tshark to ask, or undefined if there is. */
export function tsharkObstacle(): string | undefined {
  const missing = ["/usr/bin/tshark", "/usr/bin/mergecap"].find((path) => !existsSync(path));
  return missing && `${missing} is missing: install the Debian package tshark`;
}

/** The packets of all files, one file after the other. UDP to one of `ports` is VXLAN, as is 4789. */
export function askTshark(files: readonly string[], ports: readonly number[]): FoundPacket[] {
  const merged = join(tmpdir(), `causeway-merged-${process.pid}.pcapng`);
  const stdio: StdioOptions = ["ignore", "pipe", "ignore"];
  execFileSync("mergecap", ["-a", "-F", "pcapng", "-w", merged, ...files], { stdio });
  const settings = ["ip.defragment:FALSE", "ipv6.defragment:FALSE"].flatMap((text) => ["-o", text]);
  const decodeAs = ports.flatMap((port) => ["-d", `udp.port==${port},vxlan`]);
  const fields = ["-T", "fields", "-E", "occurrence=a", ...FIELDS.flatMap((name) => ["-e", name])];
  try {
    const args = ["-n", "-r", merged, ...settings, ...decodeAs, ...fields];
    const text = execFileSync("tshark", args, { stdio, encoding: "utf8", maxBuffer: 64 << 20 });
    return text.trimEnd().split("\n").map(readLine);
  } finally {
    execFileSync("rm", ["-f", merged]);
  }
}

function readLine(line: string): FoundPacket {
  const cells = line.split("\t");
  const values = new Map(FIELDS.map((name, at) => [name, (cells[at] || "").split(",")]));
  const next = (name: Field): string => values.get(name)?.shift() ?? "";
  const [time, length, captured] = [
    next("frame.time_epoch"),
    next("frame.len"),
    next("frame.cap_len"),
  ];
  const ips: FoundIp[] = [];
  const vnis: number[] = [];
  const udps: { source: number; length: number }[] = [];
  const vlans: number[] = [];
  for (const layer of next("frame.protocols").split(":")) {
    // Behind these are headers that are quoted, and those that we do not look for.
    if (layer === "icmp" || layer === "icmpv6" || layer === "gre") break;
    if (layer === "ip") {
      const [source, destination] = [next("ip.src"), next("ip.dst")];
      ips.push({
        source,
        destination,
        protocol: Number(next("ip.proto")),
        length: Number(next("ip.len")),
      });
    } else if (layer === "ipv6") {
      const [source, destination] = [next("ipv6.src"), next("ipv6.dst")];
      const protocol = Number(next("ipv6.nxt"));
      ips.push({ source, destination, protocol, length: 40 + Number(next("ipv6.plen")) });
    } else if (layer.startsWith("ipv6.")) {
      const last = ips.pop();
      if (last) ips.push({ ...last, protocol: Number(next(`${layer}.nxt` as Field)) });
    } else if (layer === "vxlan") vnis.push(Number(next("vxlan.vni")));
    else if (layer === "udp") {
      udps.push({ source: Number(next("udp.srcport")), length: Number(next("udp.length")) });
    } else if (layer === "vlan" || layer === "ieee8021ad") vlans.push(Number(next(`${layer}.id`)));
  }
  return { time, length: Number(length), captured: Number(captured), ips, vnis, udps, vlans };
}

/** `causeway encap`: plain packets of a capture file, as they would be on the underlay. */
import { Command, Option } from "commander";
import { type IpAddress, parseIp } from "../../encap/address/ip-address.ts";
import { type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import { dropReasonText } from "../../encap/drop-reason.ts";
import { encapOverhead, toVni, type UnderlayMtu } from "../../encap/encap-mode.ts";
import type { TunnelPath } from "../../encap/encapsulate-packet.ts";
import { VXLAN_PORT } from "../../encap/header/vxlan.ts";
import { IP6TNL_POLICY, IPIP_POLICY, VXLAN_POLICY } from "../../encap/outer-policy.ts";
import { IPV4_MTU_MIN } from "../../encap/path-mtu.ts";
import { type EncapReport, encapsulateCapture } from "../capture/encapsulate-capture.ts";
import { captureName } from "../capture/read-capture.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { readNumber } from "./read-number.ts";
import { plural } from "./text.ts";

const HELP = `
Every IP packet of IN, whatever is before it, goes to OUT behind the headers that the data path would
give it: outer IP, and for VXLAN UDP, VXLAN and an inner Ethernet header. What is longer than the path
carries is fragmented where that is allowed; what is refused is named. IN and OUT may be -.

Examples:    causeway encap plain.pcap tunnel.pcap --mode ipip --local 192.0.2.1 --remote 192.0.2.2
             causeway encap plain.pcap - --mode vxlan --vni 7 --local 2001:db8::1 \\
               --remote 2001:db8::2 | causeway decode -
${exitCodesText("0 every packet was encapsulated; 1 some were refused, or IN is damaged")}`;

interface EncapOptions {
  readonly mode: "vxlan" | "ipip";
  readonly local: IpAddress;
  readonly remote: IpAddress;
  readonly mtu: number;
  readonly vni: number;
  readonly port: number;
  readonly localMac: MacAddress;
  readonly remoteMac: MacAddress;
  readonly ttl?: number | "inherit";
  readonly dscp?: number | "inherit";
  readonly df?: "set" | "clear" | "inherit";
  readonly json?: boolean;
}

export function encapCommand(): Command {
  const number = (flag: string, low: number, high: number) => (text: string) =>
    readNumber(flag, text, low, high);
  return new Command("encap")
    .description("encapsulate the packets of a capture file into another")
    .argument("<in>", "pcap or pcapng with plain packets")
    .argument("<out>", "pcap that is written, with raw IP packets")
    .addOption(
      new Option("--mode <mode>", "vxlan or ipip").choices(["vxlan", "ipip"]).makeOptionMandatory(),
    )
    .requiredOption("--local <address>", "outer source", reading("--local", parseIp))
    .requiredOption("--remote <address>", "outer destination", reading("--remote", parseIp))
    .option("--mtu <bytes>", "MTU of the path between them", number("--mtu", 68, 65_535), 1500)
    .option("--vni <number>", "VXLAN network", number("--vni", 1, 0xffffff), 4096)
    .option("--port <number>", "UDP destination port", number("--port", 1, 65_535), VXLAN_PORT)
    .option("--local-mac <mac>", "inner source MAC", reading("--local-mac", parseMac), LOCAL_MAC)
    .option(
      "--remote-mac <mac>",
      "inner destination MAC",
      reading("--remote-mac", parseMac),
      REMOTE_MAC,
    )
    .option("--ttl <hops>", "1 to 255, or inherit", orInherit("--ttl", 1, 255))
    .option("--dscp <value>", "0 to 63, or inherit", orInherit("--dscp", 0, 63))
    .addOption(new Option("--df <what>", "DF flag").choices(["set", "clear", "inherit"]))
    .option("--json", "print the report as JSON")
    .addHelpText("after", HELP)
    .action(encap);
}

const LOCAL_MAC = parseMac("66:00:00:00:00:01");
const REMOTE_MAC = parseMac("66:00:00:00:00:02");

async function encap(input: string, output: string, options: EncapOptions): Promise<void> {
  const { json = false } = options;
  if (json && output === "-") {
    throw new CausewayError("bad-config", "encap: --json and a capture cannot both go to stdout");
  }
  const path = pathOf(options);
  const stopped = new AbortController();
  const stop = (): void => stopped.abort();
  process.once("SIGINT", stop);
  let report: EncapReport;
  try {
    report = await encapsulateCapture({ input, output, path, signal: stopped.signal });
  } finally {
    process.off("SIGINT", stop);
  }
  if (report.refused.length > 0 || report.fault !== undefined) process.exitCode = EXIT.no;
  if (stopped.signal.aborted) process.exitCode = INTERRUPTED;
  if (json) printJson(jsonOf(report));
  else if (output === "-") process.stderr.write(formatReport(report, input));
  else print(formatReport(report, input));
}

/** What a shell makes of SIGINT. */
const INTERRUPTED = 130;

function pathOf(options: EncapOptions): TunnelPath {
  const { mode, local, remote, mtu, vni, port, localMac, remoteMac, ttl, dscp, df } = options;
  if (local.family !== remote.family) {
    const what = `encap: --local ${local} and --remote ${remote} are not of one address family`;
    throw new CausewayError("bad-config", what);
  }
  const least = IPV4_MTU_MIN + encapOverhead(mode, local.family);
  if (mtu < least) {
    const what = `encap: --mtu ${mtu} leaves no room for packets: ${least} is the least`;
    throw new CausewayError("bad-config", what);
  }
  const usual = mode === "vxlan" ? VXLAN_POLICY : local.family === 4 ? IPIP_POLICY : IP6TNL_POLICY;
  const policy = {
    ...usual,
    ...(ttl === undefined ? {} : { ttl }),
    ...(dscp === undefined ? {} : { dscp }),
    ...(df === undefined ? {} : { dontFragment: df === "inherit" ? df : df === "set" }),
  };
  const vxlan = mode === "vxlan" ? { vni: toVni(vni), port, localMac, remoteMac } : undefined;
  return { local, remote, policy, mtu: mtu as UnderlayMtu, vxlan };
}

function jsonOf(report: EncapReport): object {
  const refused = report.refused.map(({ number, length, reason }) => {
    return { number, length, reason: reasonText(reason) };
  });
  return { ...report, refused };
}

function formatReport(
  { read, written, innerMtu, refused, fault }: EncapReport,
  input: string,
): string {
  const lines = refused.map(({ number, length, reason }) => {
    return `packet ${number}, ${length} bytes: ${reasonText(reason)}`;
  });
  if (fault !== undefined) {
    lines.push(`${captureName(input)}: offset ${fault.offset}: ${fault.text}`);
  }
  const done = read - refused.length;
  const from = `${plural(done, "packet")} of ${read.toLocaleString("en-US")}`;
  const limit = `up to ${innerMtu} bytes each without fragments`;
  lines.push(`${from} encapsulated in ${written.toLocaleString("en-US")}, ${limit}`);
  return `${lines.join("\n")}\n`;
}

function reasonText(reason: EncapReport["refused"][number]["reason"]): string {
  return typeof reason === "string" ? reason : dropReasonText(reason);
}

/** @throws CausewayError "bad-config" where `parse` throws. */
function reading<T>(flag: string, parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new CausewayError("bad-config", `${flag} ${reasonOf(error)}`, { cause: error });
    }
  };
}

function orInherit(flag: string, low: number, high: number): (text: string) => number | "inherit" {
  return (text) => (text === "inherit" ? text : readNumber(flag, text, low, high));
}

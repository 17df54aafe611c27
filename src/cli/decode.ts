/** `causeway decode`: what is in the packets of a capture file. */
import { Command } from "commander";
import { captureName, readCapture } from "../capture/read-capture.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { decodePacket, packetJson, packetText } from "./format-packet.ts";
import { LineWriter } from "./line-writer.ts";
import { vxlanPortOption } from "./vxlan-ports.ts";

const HELP = `
FILE is a pcap or pcapng file, or - for stdin, which is followed as it comes. A line has the time
(UTC), the bytes on the wire, and the headers from the outermost to the innermost: VXLAN, IPv4 and
IPv6 in IPv4 and IPv6, and these in one another. A packet that the data path would refuse says why.

Examples:    causeway decode tunnel.pcap
             tcpdump -i eth0 -U -w - udp port 4789 or ip proto 4 | causeway decode --json -
${exitCodesText("0 the whole file was read; 1 it is damaged, and what comes before that is printed")}`;

interface DecodeOptions {
  readonly json?: boolean;
  readonly port: readonly number[];
}

export function decodeCommand(): Command {
  return new Command("decode")
    .description("print the packets of a capture file, outer and inner headers")
    .argument("<file>", "pcap or pcapng; - is stdin")
    .option("--json", "print a JSON object for each packet, with all that is known of it")
    .addOption(vxlanPortOption())
    .addHelpText("after", HELP)
    .action(async (path: string, { json = false, port }: DecodeOptions) => {
      const lines = new LineWriter(process.stdout);
      let number = 0;
      const fault = await readCapture(path, (packet) => {
        const decoded = decodePacket(packet, port);
        number++;
        const line = json ? JSON.stringify(packetJson(decoded, number)) : packetText(decoded);
        return lines.write(line);
      });
      await lines.flush();
      if (fault === undefined) return;
      process.exitCode = EXIT.no;
      const where = `${captureName(path)}: offset ${fault.offset}`;
      process.stderr.write(`causeway: ${where}: ${fault.text}\n`);
    });
}

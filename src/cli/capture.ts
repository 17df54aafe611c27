/** `causeway capture`: the packets of a device, as they come and go. */
import { Command } from "commander";
import { CaptureFile } from "../capture/capture-file.ts";
import { captureLive } from "../capture/live-capture.ts";
import { exitCodesText } from "./exit-codes.ts";
import { decodePacket, packetJson, packetText } from "./format-packet.ts";
import { LineWriter } from "./line-writer.ts";
import { readNumber } from "./read-number.ts";
import { plural } from "./text.ts";
import { vxlanPortOption } from "./vxlan-ports.ts";

const HELP = `
Prints what decode would of every packet that DEV receives or sends: all of them, the device is not
made promiscuous. Ctrl-C ends it, and says how many the kernel had no room for.

Examples:    causeway capture eth0
             causeway capture eth0 --write tunnel.pcap --count 100
             causeway capture vxlan.causeway --json
${exitCodesText("0 ended by --count or a signal")}`;

interface CaptureOptions {
  readonly write?: string;
  readonly count?: number;
  readonly json?: boolean;
  readonly port: readonly number[];
}

export function captureCommand(): Command {
  const readCount = (text: string): number => readNumber("--count", text, 1, 1e15);
  return new Command("capture")
    .description("print the packets of a device as they come and go, outer and inner headers")
    .argument("<dev>", "device, as ip link lists it")
    .option("--write <file>", "write them to a pcap file too; - writes it to stdout, and no lines")
    .option("--count <number>", "end after so many packets", readCount)
    .option("--json", "print a JSON object for each packet, with all that is known of it")
    .addOption(vxlanPortOption())
    .addHelpText("after", HELP)
    .action(capture);
}

async function capture(device: string, options: CaptureOptions): Promise<void> {
  const { write, count = Number.POSITIVE_INFINITY, json = false, port } = options;
  const lines = new LineWriter(process.stdout);
  let file: CaptureFile | undefined;
  let number = 0;
  const live = captureLive(
    device,
    (packet) => {
      number++;
      file?.write(packet);
      if (write !== "-") {
        const decoded = decodePacket(packet, port);
        void lines.write(json ? JSON.stringify(packetJson(decoded, number)) : packetText(decoded));
      }
      return number < count;
    },
    () => file?.flush(),
  );
  const stop = (): void => void live.stop();
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  try {
    if (write !== undefined) file = new CaptureFile(write, live.linkType);
    process.stderr.write(`capturing from ${device}; Ctrl-C ends it\n`);
    await live.done;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"]) process.off(signal, stop);
    const dropped = live.stop();
    file?.close();
    await lines.flush();
    const lost = `${dropped.toLocaleString("en-US")} dropped by the kernel`;
    process.stderr.write(`${plural(number, "packet")} captured, ${lost}\n`);
  }
}

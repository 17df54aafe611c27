/** A capture file of plain packets to one of encapsulated packets. */
import { statSync } from "node:fs";
import type { CaptureFault } from "../../encap/capture/capture-reader.ts";
import type { CapturedPacket } from "../../encap/capture/captured-packet.ts";
import { LINKTYPE_RAW, linkTypeOf } from "../../encap/capture/link-types.ts";
import { DropReason } from "../../encap/drop-reason.ts";
import { PacketEncapsulator, type TunnelPath } from "../../encap/encapsulate-packet.ts";
import { readLinkHeader } from "../../encap/link-header.ts";
import { CausewayError } from "../errors.ts";
import { CaptureFile } from "./capture-file.ts";
import { readCapture } from "./read-capture.ts";

export interface EncapJob {
  /** Capture files; "-" is stdin and stdout. */
  readonly input: string;
  readonly output: string;
  readonly path: TunnelPath;
  /** Ends it early, with whole packets. */
  readonly signal: AbortSignal;
}

export interface EncapReport {
  /** Packets of the input. */
  readonly read: number;
  /** Packets of the output: more where one was fragmented. */
  readonly written: number;
  /** Largest inner packet that goes as it is, in bytes. */
  readonly innerMtu: number;
  readonly refused: readonly RefusedPacket[];
  /** What is wrong with the input behind all of these. */
  readonly fault: CaptureFault | undefined;
}

export interface RefusedPacket {
  /** From 1. */
  readonly number: number;
  /** Bytes on the wire, as captured. */
  readonly length: number;
  readonly reason: DropReason | string;
}

/** @throws CausewayError if one of the files cannot be read or written. */
export async function encapsulateCapture(job: EncapJob): Promise<EncapReport> {
  const { input, output, path, signal } = job;
  if (isSameFile(input, output)) {
    throw new CausewayError("bad-config", `encap: ${input} cannot be both read and written`);
  }
  const encapsulator = new PacketEncapsulator(path);
  const refused: RefusedPacket[] = [];
  let file: CaptureFile | undefined;
  let read = 0;
  let written = 0;
  let fault: CaptureFault | undefined;
  try {
    fault = await readCapture(
      input,
      (packet) => {
        read++;
        file ??= new CaptureFile(output, LINKTYPE_RAW);
        const made = encapsulate(encapsulator, packet);
        if (!Array.isArray(made)) {
          refused.push({ number: read, length: packet.length, reason: made });
          return;
        }
        for (const bytes of made) {
          file.write({ time: packet.time, linkType: LINKTYPE_RAW, bytes, length: bytes.length });
          written++;
        }
      },
      signal,
    );
    // No packets make a file without any.
    file ??= new CaptureFile(output, LINKTYPE_RAW);
  } finally {
    file?.close();
  }
  return { read, written, innerMtu: encapsulator.innerMtu, refused, fault };
}

function encapsulate(
  encapsulator: PacketEncapsulator,
  { bytes, length, linkType }: CapturedPacket,
): Uint8Array[] | DropReason | string {
  const link = linkTypeOf(linkType);
  if (link === undefined) return `link type ${linkType}, which is not known here`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readLinkHeader(link, view, 0, bytes.length);
  if (header === undefined) return DropReason.Truncated;
  if (header.inside === undefined) return DropReason.NotIp;
  if (bytes.length < length) return "captured in part only";
  return encapsulator.encapsulate(bytes.subarray(header.end));
}

function isSameFile(one: string, other: string): boolean {
  if (one === "-" || other === "-") return false;
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}

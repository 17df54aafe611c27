/** Packets of a capture file or of a pipe that one comes through. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { addAbortSignal } from "node:stream";
import { type CaptureFault, CaptureReader } from "../../encap/capture/capture-reader.ts";
import type { CapturedPacket } from "../../encap/capture/captured-packet.ts";
import { CausewayError } from "../errors.ts";

/**
 * Calls `onPacket` with each packet of `path`, or of stdin for "-", as soon as it is there. Its bytes
 * are good until it returns, and `signal` ends it early. Returns what is wrong with the file, behind all of these packets.
 * @throws CausewayError if it cannot be read.
 */
export async function readCapture(
  path: string,
  onPacket: (packet: CapturedPacket) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<CaptureFault | undefined> {
  const reader = new CaptureReader();
  try {
    if (path !== "-" && (await stat(path)).isDirectory()) throw new Error("it is a directory");
    const stream = path === "-" ? process.stdin : createReadStream(path);
    if (signal !== undefined) addAbortSignal(signal, stream);
    for await (const chunk of stream) {
      for (const packet of reader.read(chunk as Uint8Array)) {
        const pending = onPacket(packet);
        if (pending !== undefined) await pending;
        if (signal?.aborted) return undefined;
      }
      if (reader.fault !== undefined) return reader.fault;
    }
  } catch (error) {
    if (signal?.aborted) return undefined;
    throw CausewayError.from(error, "bad-resource", `cannot read ${captureName(path)}`);
  }
  reader.end();
  return reader.fault;
}

/** What messages call it. */
export function captureName(path: string): string {
  return path === "-" ? "stdin" : path;
}

/** Captured netlink messages as values of the codec, and written ones taken apart. */
import { DeviceTable } from "../../src/netlink/device-table.ts";
import { type Message, messageAt } from "../../src/netlink/message.ts";
import { MessageWriter } from "../../src/netlink/message-writer.ts";

/** The devices of test/fixtures/netlink/dumps.ts. */
export function fixtureDevices(): DeviceTable {
  const devices = new DeviceTable();
  devices.set("lo", 1);
  devices.set("v0", 3);
  devices.set("vx0", 4);
  return devices;
}

export function messageOf(hex: string): Message {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"));
  return messageAt(new DataView(bytes.buffer), 0, bytes.length);
}

/** What `write` writes into a buffer that is full of something else. */
export function written(write: (writer: MessageWriter) => void): Message {
  const writer = new MessageWriter(4096);
  new Uint8Array(writer.buffer).fill(0xa5);
  write(writer);
  return messageOf(Buffer.from(writer.bytes).toString("hex"));
}

/** The attributes from `from` on, header and payload without padding, in hexadecimal. */
export function attributesFrom({ view, end }: Message, from: number, to = end): string[] {
  const found: string[] = [];
  for (let at = from; at < to; ) {
    const length = view.getUint16(at, true);
    found.push(Buffer.from(view.buffer, at, length).toString("hex"));
    at += (length + 3) & ~3;
  }
  return found;
}

/** The bytes from `from` to `to`, in hexadecimal. */
export function bytesOf({ view }: Message, from: number, to: number): string {
  return Buffer.from(view.buffer, from, to - from).toString("hex");
}

import { describe, expect, test } from "vitest";
import { MessageWriter } from "../../../src/netlink/message-writer.ts";
import type { NetlinkSocket } from "../../../src/netlink/netlink-socket.ts";
import { WriteBatch } from "../../../src/netlink/write-batch.ts";

const PORT = 4242;
const ENOBUFS = -105;
const EAGAIN = -11;

/** An answer to request `sequence`: an error, or with 0 an ack. */
function answer(sequence: number, errno: number, portId = PORT): Uint8Array {
  const view = new DataView(new ArrayBuffer(36));
  view.setUint32(0, 36, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 0x100, true);
  view.setUint32(8, sequence, true);
  view.setUint32(12, portId, true);
  view.setInt32(16, -errno, true);
  view.setUint32(20, 52, true);
  return new Uint8Array(view.buffer);
}

/** A socket that gives these answers, datagrams or errors, and after them EAGAIN. */
function socketWith(answers: readonly (Uint8Array | number)[], sendResult = 0): NetlinkSocket {
  const left = [...answers];
  const socket = {
    portId: PORT,
    send: () => sendResult,
    receive: (into: Uint8Array) => {
      const next = left.shift() ?? EAGAIN;
      if (typeof next === "number") return next;
      into.set(next);
      return next.length;
    },
  };
  return socket as unknown as NetlinkSocket;
}

function messages(count: number): { buffer: ArrayBufferLike; length: number } {
  const writer = new MessageWriter(4096);
  for (let sequence = 1; sequence <= count; sequence++) {
    writer.begin(24, 0, sequence);
    writer.end();
  }
  return { buffer: writer.buffer, length: writer.length };
}

function failuresOf(answers: readonly (Uint8Array | number)[], sendResult = 0): string[] {
  const { buffer, length } = messages(3);
  const batch = new WriteBatch(socketWith(answers, sendResult));
  return batch.run(buffer, [length]).map(({ sequence, errno }) => `${sequence}:${errno}`);
}

describe("WriteBatch", () => {
  test("reports nothing when the last message is acknowledged", () => {
    expect(failuresOf([answer(3, 0)])).toEqual([]);
  });

  test("reports errors by their sequence number, the last message's too", () => {
    expect(failuresOf([answer(1, 17), answer(3, 19)])).toEqual(["1:17", "3:19"]);
  });

  test("takes no word from another port", () => {
    expect(failuresOf([answer(2, 17, 1), answer(3, 0)])).toEqual([]);
  });

  test("counts all messages as failed if answers were lost", () => {
    expect(failuresOf([ENOBUFS, answer(1, 17)])).toEqual(["1:105", "2:105", "3:105"]);
    expect(failuresOf([answer(1, 17), ENOBUFS, answer(3, 0)])).toHaveLength(3);
    expect(failuresOf([answer(1, 17)])).toHaveLength(3);
  });

  test("counts all messages as failed if they could not be sent", () => {
    expect(failuresOf([], -90)).toEqual(["1:90", "2:90", "3:90"]);
  });
});

import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { parseIp } from "../../../encap/address/ip-address.ts";
import { Arena } from "../../../src/native/arena.ts";
import { PlainFile } from "../../../src/userspace/plain/plain-file.ts";
import { PlainReceiver } from "../../../src/userspace/plain/plain-receiver.ts";
import { PlainSender } from "../../../src/userspace/plain/plain-sender.ts";

const EAGAIN = 11;
let arena: Arena;
let bytes: Uint8Array;

beforeEach(() => {
  arena = new Arena(2 << 20, () => 0);
  bytes = new Uint8Array(arena.view.buffer);
});

describe("PlainSender", () => {
  const sent: { packet: number[]; address: string; port: number }[] = [];
  let answer = 0;
  const socket = {
    send: (packet: Uint8Array, address: string, port: number) => {
      sent.push({ packet: [...packet], address, port });
      return answer;
    },
    close: () => {},
  };

  beforeEach(() => {
    sent.length = 0;
    answer = 0;
  });

  test("sends each message with all its pieces to its own address", () => {
    const sender = new PlainSender(arena, { family: 4, messages: 4, iovecs: 8 }, () => socket);
    bytes.set([1, 2, 3, 4, 5, 6], 100);
    sender.beginIpv4(parseIp("192.0.2.2").w0, 4789);
    sender.addPiece(100, 2);
    sender.addPiece(104, 2);
    sender.beginIpv4(parseIp("192.0.2.3").w0 | 0, 4789);
    sender.addPiece(102, 1);
    expect(sender.firstPieceAt(1)).toBe(102);
    expect(sender.firstPieceLength(0)).toBe(2);
    expect([sender.send(7, 0), sender.send(7, 1)]).toEqual([1, 1]);
    expect(sent).toEqual([
      { packet: [1, 2, 5, 6], address: "192.0.2.2", port: 4789 },
      { packet: [3], address: "192.0.2.3", port: 4789 },
    ]);
    sender.clear();
    sender.beginIpv6(0x20010db8 | 0, 0, 0, 9, 0);
    sender.addPiece(105, 1);
    sender.send(7, 0);
    expect(sent.at(-1)).toEqual({ packet: [6], address: "2001:db8::9", port: 0 });
  });

  test("hands on what is sent as a copy: the arena is written to while a socket keeps it", () => {
    const kept: Uint8Array[] = [];
    const keeping = {
      send: (packet: Uint8Array) => {
        kept.push(packet);
        return 0;
      },
      close: () => {},
    };
    const sender = new PlainSender(arena, { family: 4, messages: 1, iovecs: 1 }, () => keeping);
    bytes.set([9], 50);
    sender.beginIpv4(1, 1);
    sender.addPiece(50, 1);
    sender.send(1, 0);
    bytes.fill(0);
    expect([...(kept[0] as Uint8Array)]).toEqual([9]);
  });

  test("gives the socket's error, EBADF without a socket, and has room as it was told", () => {
    const sender = new PlainSender(arena, { family: 4, messages: 1, iovecs: 2 }, (fd) =>
      fd === 1 ? socket : undefined,
    );
    expect(sender.hasRoom(1, 2)).toBe(true);
    sender.beginIpv4(1, 1);
    sender.addPiece(0, 1);
    expect(sender.hasRoom(1, 0)).toBe(false);
    expect(sender.hasRoom(0, 1)).toBe(true);
    answer = -EAGAIN;
    expect(sender.send(1, 0)).toBe(-EAGAIN);
    expect(sender.send(2, 0)).toBe(-9);
  });
});

describe("PlainReceiver", () => {
  test("gives datagrams of one socket in their order, with their addresses", () => {
    const receiver = new PlainReceiver(arena, { messages: 48, headroom: 64 });
    receiver.accept(5, Uint8Array.of(1, 2), "192.0.2.9");
    receiver.accept(5, Uint8Array.of(3), "192.0.2.8");
    expect(receiver.receive(6, 16)).toBe(0);
    expect(receiver.receive(5, 1)).toBe(1);
    receiver.read(0);
    expect([...bytes.subarray(receiver.at, receiver.at + receiver.length)]).toEqual([1, 2]);
    expect(arena.view.getUint32(receiver.sourceAt)).toBe(parseIp("192.0.2.9").w0);
    expect(receiver.waiting).toBe(1);
    expect(receiver.receive(5, 16)).toBe(1);
    receiver.read(0);
    expect([...bytes.subarray(receiver.at, receiver.at + receiver.length)]).toEqual([3]);
    expect(arena.view.getUint32(receiver.sourceAt)).toBe(parseIp("192.0.2.8").w0);
    expect(receiver.receive(5, 16)).toBe(0);
  });

  test("has room for as many as it says, again and again, of the largest size", () => {
    const receiver = new PlainReceiver(arena, { messages: 48, headroom: 64 });
    const large = new Uint8Array(0xffff).fill(7);
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < receiver.capacity; index++) {
        large[0] = index;
        receiver.accept(1, large, "2001:db8::1");
      }
      expect(receiver.receive(1, 99)).toBe(receiver.capacity);
      for (let index = 0; index < receiver.capacity; index++) {
        receiver.read(index);
        expect([bytes[receiver.at], receiver.length]).toEqual([index, large.length]);
      }
    }
    receiver.accept(1, large, "2001:db8::1");
    receiver.clear();
    expect(receiver.waiting).toBe(0);
  });
});

describe("PlainFile", () => {
  test("has a packet to give once, after it has come", async () => {
    const directory = mkdtempSync(join(tmpdir(), "causeway-plain-"));
    writeFileSync(join(directory, "packet"), "packet");
    const fd = openSync(join(directory, "packet"), "r+");
    try {
      const file = new PlainFile(arena, fd);
      expect(file.read(0, 100)).toBe(-EAGAIN);
      await new Promise<void>((resolve) => file.awaitPacket(resolve));
      const at = arena.reserve(100);
      expect(file.read(at, 100)).toBe(6);
      expect(Buffer.from(bytes.subarray(at, at + 6)).toString()).toBe("packet");
      expect(file.read(at, 100)).toBe(-EAGAIN);
      file.addPiece(at, 3);
      file.addPiece(at + 4, 2);
      expect(file.writePieces()).toBe(5);
    } finally {
      closeSync(fd);
      rmSync(directory, { recursive: true });
    }
    const file = new PlainFile(arena, fd);
    file.addPiece(0, 1);
    expect(file.writePieces()).toBe(-9);
  });
});

/** Batches of datagrams over the kernel's own loopback: from one UDP socket to another. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type IpAddress, parseIp } from "../../../encap/address/ip-address.ts";
import { Arena } from "../../../src/native/arena.ts";
import { closeDescriptor, setSocketOption, socketName } from "../../../src/native/linux.ts";
import { ReceiveBatch } from "../../../src/native/receive-batch.ts";
import { SendBatch } from "../../../src/native/send-batch.ts";
import {
  openUnderlaySocket,
  receiveTrafficClass,
  SOCK_DGRAM,
} from "../../../src/userspace/underlay/underlay-socket.ts";

const SOL_UDP = 17;
const UDP_GRO = 104;
const EAGAIN = 11;

describe.each(["127.0.0.1", "::1"])("datagrams to %s", (text) => {
  const address: IpAddress = parseIp(text);
  const { family } = address;
  let arena: Arena;
  let sender: number;
  let receiver: number;
  let port: number;
  let batch: SendBatch;
  let received: ReceiveBatch;
  let payloadAt: number;

  beforeEach(() => {
    arena = new Arena(1 << 20);
    sender = openUnderlaySocket(SOCK_DGRAM, 0, address, 0, () => {});
    receiver = openUnderlaySocket(SOCK_DGRAM, 0, address, 0, (fd) =>
      receiveTrafficClass(fd, family),
    );
    const name = new Uint8Array(28);
    socketName(receiver, name);
    port = new DataView(name.buffer).getUint16(2);
    batch = new SendBatch(arena, { family, messages: 4, iovecs: 16 });
    received = new ReceiveBatch(arena, { messages: 8, headroom: 64 });
    payloadAt = arena.reserve(4096);
    for (let at = 0; at < 4096; at++) arena.view.setUint8(payloadAt + at, at % 251);
  });

  afterEach(() => {
    closeDescriptor(sender);
    closeDescriptor(receiver);
  });

  const begin = (): number =>
    family === 4
      ? batch.beginIpv4(address.w0, port)
      : batch.beginIpv6(address.w0, address.w1, address.w2, address.w3, port);

  const bytesOf = (index: number): number[] => {
    received.read(index, family);
    return Array.from({ length: received.length }, (_, at) =>
      arena.view.getUint8(received.at + at),
    );
  };

  const expected = (from: number, length: number): number[] =>
    Array.from({ length }, (_, at) => (from + at) % 251);

  test("arrive as the pieces they were made of, with their source", () => {
    begin();
    batch.addPiece(payloadAt, 10);
    batch.addPiece(payloadAt + 500, 20);
    begin();
    batch.addPiece(payloadAt + 100, 30);
    expect(batch.send(sender, 0)).toBe(2);
    expect(received.receive(receiver, 8)).toBe(2);
    expect(bytesOf(0)).toEqual([...expected(0, 10), ...expected(500, 20)]);
    expect(received.segmentSize).toBe(0);
    expect(arena.view.getUint32(received.sourceAt)).toBe(address.w0);
    if (family === 6) expect(arena.view.getUint32(received.sourceAt + 12)).toBe(address.w3);
    expect(bytesOf(1)).toEqual(expected(100, 30));
    expect(received.receive(receiver, 8)).toBe(-EAGAIN);
  });

  test("are used anew after clear", () => {
    begin();
    batch.addPiece(payloadAt, 10);
    batch.clear();
    begin();
    batch.addPiece(payloadAt + 40, 5);
    expect(batch.send(sender, 0)).toBe(1);
    expect(received.receive(receiver, 8)).toBe(1);
    expect(bytesOf(0)).toEqual(expected(40, 5));
  });

  test("carry the traffic class that the message says, or the socket's", () => {
    for (const trafficClass of [0xb8, -1]) {
      const message = begin();
      batch.addPiece(payloadAt, 8);
      batch.setControl(message, -1, trafficClass, -1);
    }
    batch.send(sender, 0);
    expect(received.receive(receiver, 8)).toBe(2);
    received.read(0, family);
    expect(received.trafficClass).toBe(0xb8);
    received.read(1, family);
    expect(received.trafficClass).toBe(0);
  });

  const addSegments = (message: number): void => {
    batch.addPiece(payloadAt, 60);
    batch.addPiece(payloadAt + 60, 40);
    batch.addPiece(payloadAt + 100, 100);
    batch.addPiece(payloadAt + 200, 30);
    batch.setControl(message, -1, 0x28, 100);
  };

  test("are cut up by the kernel at the segment size", () => {
    addSegments(begin());
    expect(batch.send(sender, 0)).toBe(1);
    expect(received.receive(receiver, 8)).toBe(3);
    expect([bytesOf(0), bytesOf(1), bytesOf(2)]).toEqual([
      expected(0, 100),
      expected(100, 100),
      expected(200, 30),
    ]);
    expect(received.trafficClass).toBe(0x28);
  });

  test("are the same when sent unrolled", () => {
    const message = begin();
    addSegments(message);
    expect(batch.sendUnrolled(sender, message, 100)).toBe(3);
    expect(received.receive(receiver, 8)).toBe(3);
    expect([bytesOf(0), bytesOf(1), bytesOf(2)]).toEqual([
      expected(0, 100),
      expected(100, 100),
      expected(200, 30),
    ]);
    expect(received.trafficClass).toBe(0x28);
  });

  test("stay merged for a socket that wants them so", () => {
    setSocketOption(receiver, SOL_UDP, UDP_GRO, new Uint8Array(Int32Array.of(1).buffer));
    addSegments(begin());
    batch.send(sender, 0);
    expect(received.receive(receiver, 8)).toBe(1);
    expect(bytesOf(0)).toEqual(expected(0, 230));
    expect(received.segmentSize).toBe(100);
    expect(received.trafficClass).toBe(0x28);
    batch.clear();
    begin();
    batch.addPiece(payloadAt, 10);
    batch.send(sender, 0);
    expect(received.receive(receiver, 8)).toBe(1);
    expect(bytesOf(0)).toEqual(expected(0, 10));
    expect(received.segmentSize).toBe(0);
    expect(received.trafficClass).toBe(0);
  });

  test("hasRoom knows both limits", () => {
    expect(batch.hasRoom(4, 16)).toBe(true);
    expect(batch.hasRoom(5, 1)).toBe(false);
    begin();
    for (let piece = 0; piece < 15; piece++) batch.addPiece(payloadAt, 1);
    expect(batch.hasRoom(1, 1)).toBe(true);
    expect(batch.hasRoom(1, 2)).toBe(false);
  });

  test("firstPieceAt and firstPieceLength find what a message begins with", () => {
    begin();
    batch.addPiece(payloadAt, 7);
    const message = begin();
    batch.addPiece(payloadAt + 33, 9);
    batch.addPiece(payloadAt, 1);
    expect(batch.firstPieceAt(message)).toBe(payloadAt + 33);
    expect(batch.firstPieceLength(message)).toBe(9);
  });
});

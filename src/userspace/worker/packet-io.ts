/** What an engine moves packets with: system calls from one arena, or what Node itself has. */
import type { IpAddress } from "../../../encap/address/ip-address.ts";
import type { Arena } from "../../native/arena.ts";
import { ArenaFile } from "../../native/arena-file.ts";
import { ReceiveBatch, type ReceiveBatchLayout } from "../../native/receive-batch.ts";
import { SendBatch, type SendBatchLayout } from "../../native/send-batch.ts";
import { kernelPathMtu } from "../underlay/underlay-socket.ts";

/** What can be asked of the classes of src/native, whoever does it. */
export type PacketFile = Pick<ArenaFile, "read" | "addPiece" | "writePieces">;
export type DatagramReceiver = Pick<ReceiveBatch, keyof ReceiveBatch>;
export type DatagramSender = Pick<SendBatch, keyof SendBatch>;

export interface PacketIo {
  /** Where all packets are. */
  readonly arena: Arena;

  /** The TUN device; a packet that is written has at most so many pieces. */
  newFile(fd: number, pieces: number): PacketFile;

  newReceiver(layout: ReceiveBatchLayout): DatagramReceiver;

  newSender(layout: SendBatchLayout): DatagramSender;

  /** The MTU of a path as far as it is known here. @throws SystemCallError */
  pathMtu(local: IpAddress, remote: IpAddress): number;
}

export class NativeIo implements PacketIo {
  readonly arena: Arena;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  newFile(fd: number, pieces: number): PacketFile {
    return new ArenaFile(this.arena, fd, pieces);
  }

  newReceiver(layout: ReceiveBatchLayout): DatagramReceiver {
    return new ReceiveBatch(this.arena, layout);
  }

  newSender(layout: SendBatchLayout): DatagramSender {
    return new SendBatch(this.arena, layout);
  }

  pathMtu(local: IpAddress, remote: IpAddress): number {
    return kernelPathMtu(local, remote);
  }
}

/** What the plain engine moves packets with. */
import { Arena } from "../../native/arena.ts";
import { SystemCallError } from "../../native/errno.ts";
import type { ReceiveBatchLayout } from "../../native/receive-batch.ts";
import type { SendBatchLayout } from "../../native/send-batch.ts";
import type { DatagramSender, PacketIo } from "../worker/packet-io.ts";
import { PlainFile } from "./plain-file.ts";
import { PlainReceiver } from "./plain-receiver.ts";
import { PlainSender } from "./plain-sender.ts";
import type { PlainSockets } from "./plain-sockets.ts";

const ENOSYS = 38;

export class PlainIo implements PacketIo {
  readonly arena: Arena;
  /** Set when the engine has been made. */
  file!: PlainFile;
  receiver!: PlainReceiver;
  readonly #sockets: PlainSockets;

  constructor(size: number, sockets: PlainSockets) {
    // Nobody but JavaScript looks at it.
    this.arena = new Arena(size, () => 0);
    this.#sockets = sockets;
  }

  newFile(fd: number): PlainFile {
    this.file = new PlainFile(this.arena, fd);
    return this.file;
  }

  newReceiver(layout: ReceiveBatchLayout): PlainReceiver {
    this.receiver = new PlainReceiver(this.arena, layout);
    return this.receiver;
  }

  newSender(layout: SendBatchLayout): DatagramSender {
    return new PlainSender(this.arena, layout, (fd) => this.#sockets.socketOf(fd));
  }

  /** Nothing of Node asks the kernel. ICMP errors still tell. */
  pathMtu(): number {
    throw new SystemCallError("IP_MTU", ENOSYS);
  }
}

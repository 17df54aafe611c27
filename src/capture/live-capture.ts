/** Packets of a device as they come and go. */
import type { CapturedPacket } from "../../encap/capture/captured-packet.ts";
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from "../../encap/capture/link-types.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../../encap/header/ethernet.ts";
import { CausewayError, errnoOf } from "../errors.ts";
import { arenaObstacle } from "../native/arena.ts";
import { type Watcher, watchReadable } from "../native/linux.ts";
import { PacketSocket } from "../native/packet-socket.ts";

/** Packets of one turn; then the event loop has one. */
const AT_ONCE = 512;

export interface LiveCapture {
  /** LINKTYPE_ number of all packets. */
  readonly linkType: number;
  /** Settles when the capture is over: rejects if the device is gone. */
  readonly done: Promise<void>;
  /** Ends it. Returns how many packets the kernel could not keep for us. */
  stop(): number;
}

/**
 * Calls `onPacket` for each packet of `device` from now on; its bytes are good until it returns, and
 * with false it ends the capture. `onTurn` comes behind some of them, when none waits any more.
 * @throws CausewayError if it cannot be captured from.
 */
export function captureLive(
  device: string,
  onPacket: (packet: CapturedPacket) => boolean,
  onTurn: () => void,
): LiveCapture {
  const socket = open(device);
  const linkType = socket.hasEthernet ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
  let watcher: Watcher | undefined;
  let dropped = 0;
  let finish: (error?: unknown) => void = () => {};
  const done = new Promise<void>((resolve, reject) => {
    finish = (error) => (error === undefined ? resolve() : reject(error));
  });
  const stop = (): number => {
    if (watcher === undefined) return dropped;
    watcher.close();
    watcher = undefined;
    dropped += socket.dropped();
    socket.close();
    finish();
    return dropped;
  };
  const take = (): void => {
    for (let count = 0; count < AT_ONCE && watcher !== undefined && socket.receive(); count++) {
      if (!isWanted(socket)) continue;
      const { time, bytes, length } = socket;
      if (!onPacket({ time, linkType, bytes, length })) stop();
    }
    onTurn();
  };
  watcher = watchReadable(socket.fd, (status) => {
    try {
      take();
    } catch (error) {
      // Down and up again is no reason to end.
      if (errnoOf(error) !== "ENETDOWN" || !socket.isThere()) {
        finish(CausewayError.from(error, "kernel", `cannot capture from ${device} any more`));
        stop();
      }
    }
    if (status < 0) watcher?.start();
  });
  return { linkType, done, stop };
}

/** On a loopback device a packet that goes comes again at once. */
function isWanted({ isLoopback, isOutgoing, hasEthernet, ethertype }: PacketSocket): boolean {
  if (isLoopback && isOutgoing) return false;
  return hasEthernet || ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6;
}

function open(device: string): PacketSocket {
  const obstacle = arenaObstacle();
  if (obstacle !== undefined) throw new CausewayError("kernel", `capture: ${obstacle}`);
  try {
    return new PacketSocket(device);
  } catch (error) {
    switch (errnoOf(error)) {
      case "EPERM":
        throw new CausewayError("not-permitted", "capture needs root (CAP_NET_RAW)", {
          cause: error,
          hint: "use sudo",
        });
      case "ENODEV":
      case "ENXIO":
        throw new CausewayError("kernel", `there is no device "${device}"`, {
          cause: error,
          hint: "ip link lists them",
        });
      default:
        throw CausewayError.from(error, "kernel", `cannot capture from ${device}`);
    }
  }
}

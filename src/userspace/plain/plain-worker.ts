/** The process of the plain engine: plain-worker.js TUN-DESCRIPTOR OFFLOADS, started by Perl. */
import { reasonOf } from "../../errors.ts";
import { UDP_OFFLOADS } from "../../native/tun.ts";
import { PlainLoop } from "./plain-loop.ts";
import type { PlainPlan, PlainReply } from "./plain-protocol.ts";

/** A thread that waits for a packet would keep the process from ending in any other way. */
function end(): void {
  process.kill(process.pid, "SIGKILL");
}

function reply(message: PlainReply): void {
  process.send?.(message);
}

function serve([tunFd = 0, offloads = 0]: readonly number[]): void {
  process.once("disconnect", end);
  process.once("uncaughtException", (error) => {
    const message: PlainReply = { kind: "died", reason: reasonOf(error) };
    process.send?.(message, undefined, undefined, end);
  });
  const udpOffloads = (offloads & UDP_OFFLOADS) !== 0;
  const loop = new PlainLoop(tunFd, { offloads: offloads !== 0, udpOffloads }, reply);
  let adopting = Promise.resolve();
  process.on("message", (plan: PlainPlan) => {
    adopting = adopting.then(() => loop.adopt(plan));
  });
}

serve(process.argv.slice(2).map(Number));

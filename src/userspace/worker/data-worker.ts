/** The data worker: a thread that does nothing but move packets. */
import { workerData } from "node:worker_threads";
import { enterForGood } from "../../native/network-namespace.ts";
import { PacketLoop } from "./packet-loop.ts";
import { takePrecedence } from "./precedence.ts";
import type { WorkerStart } from "./worker-protocol.ts";

function serve(start: WorkerStart): void {
  // Path MTUs are asked of the kernel where the packets are.
  if (start.netns !== undefined) enterForGood(start.netns);
  takePrecedence();
  new PacketLoop(start).run();
  start.port.close();
}

serve(workerData as WorkerStart);

/** The API server of the simulation, as a process: counts what arrives, and restarts when it is told. */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { nodeManifest, poolManifest } from "../../test/conformance/manifests.ts";
import { ApiServer } from "../../test/support/kubernetes/api-server.ts";
import { putManifest } from "../../test/support/kubernetes/cluster-objects.ts";
import type { Counted, FromServer, ToServer } from "./messages.ts";

/** Milliseconds that are counted together. */
const SLOT = 250;
const GROUP = "crd.projectcalico.org/v1";
/** Records: what matters here is how many requests there are, not how much they carry. */
const NODES = 20;

const tell = (message: FromServer): void => void process.send?.(message);

const server = await ApiServer.start();
server.keepsRequests = false;
putManifest(server.store, GROUP, poolManifest("green", "10.77.0.0/16", { vxlanMode: "Always" }));
for (let at = 0; at < NODES; at++) {
  putManifest(server.store, GROUP, nodeManifest(`node-${at}`, `192.0.2.${at}`));
}

const counts = new Map<number, Counted>();
const slotOf = (): Counted => {
  const at = Math.floor(Date.now() / SLOT) * SLOT;
  const slot = counts.get(at) ?? { at, connections: 0, lists: 0, watches: 0 };
  counts.set(at, slot);
  return slot;
};
server.onConnection = () => {
  slotOf().connections++;
};
server.onRequest = ({ isWatch }) => {
  if (isWatch) slotOf().watches++;
  else slotOf().lists++;
};

const delay = monitorEventLoopDelay({ resolution: 20 });
delay.enable();

process.on("message", (message: ToServer) => void answer(message));
process.on("disconnect", () => process.exit());
tell({ what: "listening", url: server.url, ca: server.ca });

async function answer(message: ToServer): Promise<void> {
  switch (message.what) {
    case "restart":
      delay.reset();
      await server.stop();
      if (message.forgets) {
        // Something has happened that nobody saw, and that no watch can tell of any more.
        putManifest(server.store, GROUP, nodeManifest("node-0", "192.0.2.254"));
        server.store.forgetHistory();
      }
      await new Promise((resolve) => setTimeout(resolve, message.away));
      await server.listen();
      return tell({ what: "back", at: Date.now() });
    case "report":
      tell({ what: "counted", slots: [...counts.values()], longestStall: delay.max / 1e6 });
      counts.clear();
  }
}

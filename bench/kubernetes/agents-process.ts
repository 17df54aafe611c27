/** Many agents' datastores in one process: the product's own code, with its own times. */
import { ApiClient } from "../../src/datastore/kubernetes/api-client.ts";
import { KubernetesStore } from "../../src/datastore/kubernetes/store.ts";
import { RemoteDatastore } from "../../src/datastore/remote.ts";
import type { Followed, FromAgents, ToAgents } from "./messages.ts";

const tell = (message: FromAgents): void => void process.send?.(message);
const agents: Followed[] = [];
let inSync = 0;

process.on("message", (message: ToAgents) => {
  if (message.what === "count") tell({ what: "count", inSync });
  else if (message.what === "report") tell({ what: "followed", agents });
  else void start(message);
});
process.on("disconnect", () => process.exit());

/** Agents that may be starting at one time: it is the restart that is to be a storm. */
const STARTING = 40;

async function start({ agents: count, url, ca }: Extract<ToAgents, { what: "start" }>) {
  while (agents.length < count) {
    if (agents.length - inSync < STARTING) void follow(url, ca);
    else await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function follow(url: string, ca: string): Promise<void> {
  const agent: Followed = { isOk: false, lostAt: 0, backAt: 0, nodes: 0 };
  agents.push(agent);
  const nodes = new Set<string>();
  const client = new ApiClient({
    server: new URL(url),
    tls: async () => ({ ca }),
    authorization: async () => "Bearer first",
  });
  const datastore = new RemoteDatastore(new KubernetesStore(client, { blocks: "auto" }));
  for await (const { changes, condition, inSync: isListed } of datastore.watch(
    new AbortController().signal,
  )) {
    const isOk = isListed && condition.state === "ok";
    if (isOk !== agent.isOk) inSync += isOk ? 1 : -1;
    if (agent.isOk && !isOk) agent.lostAt = Date.now();
    if (!agent.isOk && isOk) agent.backAt = Date.now();
    agent.isOk = isOk;
    for (const { kind, name, resource } of changes) {
      if (kind !== "Node") continue;
      if (resource === undefined) nodes.delete(name);
      else nodes.add(name);
    }
    agent.nodes = nodes.size;
  }
}

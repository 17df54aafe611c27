/** `causeway run`: the agent. */
import { Command } from "commander";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Agent } from "../agent.ts";
import { openDatastore } from "../datastore/open.ts";
import { SnapshotFile } from "../datastore/snapshot-file.ts";
import { reasonOf } from "../errors.ts";
import { NetlinkKernel } from "../netlink/netlink-kernel.ts";
import { buildStatus } from "../observe/build-status.ts";
import { ControlServer } from "../observe/control-server.ts";
import { createLogger } from "../observe/log.ts";
import { buildShow } from "../observe/show.ts";
import { notifySystemd } from "../observe/systemd.ts";
import { VERSION } from "../version.ts";
import { printConfig } from "./print-config.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

const HELP = `
The agent reads the datastore, makes the tunnel devices, routes and rows of this node, and keeps
them so. SIGTERM and SIGINT leave the overlay in place and exit 0; SIGHUP reads everything again.

Example:  causeway run --node alder --datastore file:/etc/causeway/cluster`;

export function runCommand(): Command {
  const command = new Command("run")
    .description("run the agent of this node")
    .option("--print-config", "print every setting with its source, and exit");
  addSettingFlags(command).addHelpText("after", HELP);
  return command.action(async () => {
    const loaded = configOf(command, ["node", "datastore"]);
    if (command.opts()["printConfig"]) return printConfig(loaded);
    await runAgent(loaded.config);
  });
}

async function runAgent(config: ReturnType<typeof configOf>["config"]): Promise<void> {
  requireNetAdmin("run");
  const log = createLogger(config.logLevel, process.stderr.isTTY === true);
  const snapshot = new SnapshotFile(config.runDir);
  const datastore = openDatastore(config.datastore, { snapshot });
  const stop = new AbortController();
  const context = await openAgent(config, datastore, log);
  const { agent, kernel } = context;
  const server = await ControlServer.listen(config.runDir, {
    "GET /status": () => buildStatus(context),
    "GET /show": (query) => buildShow(context, query.get("what") ?? ""),
    "POST /resync": (query) => {
      agent.resync(query.get("acceptEmpty") === "true");
      return { asked: true };
    },
  });
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  process.on("SIGHUP", () => agent.resync(false));
  log.info({ version: VERSION, node: config.node, datastore: datastore.url }, "agent starts");
  if (config.measureLoop) agent.stopwatch.watchLoop();
  try {
    await agent.run(stop.signal);
  } finally {
    notifySystemd("STOPPING=1", log);
    await server.close();
    await snapshot.flush().catch((error) => log.warn({ reason: reasonOf(error) }, "snapshot"));
    await kernel.close();
    log.info("agent stopped; the overlay stays in place");
  }
}

async function openAgent(
  config: Parameters<typeof runAgent>[0],
  datastore: ReturnType<typeof openDatastore>,
  log: ReturnType<typeof createLogger>,
) {
  const kernel = await NetlinkKernel.open(new PathTable());
  const onReady = (): void => {
    log.info("everything wanted is in the kernel");
    notifySystemd("READY=1", log);
  };
  const agent = new Agent({ config, kernel, datastore, log, onReady });
  return { agent, kernel, node: config.node, datastoreUrl: datastore.url };
}

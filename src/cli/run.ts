/** `causeway run`: the agent. */
import { Command } from "commander";
import { TUN_DEVICE } from "../../tunnels/kernel/ownership.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Agent } from "../agent.ts";
import type { LoadedConfig } from "../config/load-config.ts";
import { OwnLease } from "../datastore/flannel/own-lease.ts";
import { openDatastore } from "../datastore/open.ts";
import { readAhead } from "../datastore/read-ahead.ts";
import { prepareShape } from "../datastore/shape.ts";
import { SnapshotFile } from "../datastore/snapshot-file.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { NetlinkKernel } from "../netlink/netlink-kernel.ts";
import { isFlannel } from "../network-style.ts";
import { runDirsHere } from "../observe/agents-here.ts";
import { buildStatus } from "../observe/build-status.ts";
import { ControlServer, RowsAnswer } from "../observe/control-server.ts";
import { createLogger, type Logger } from "../observe/log.ts";
import { RunDir } from "../observe/run-dir.ts";
import { showRows } from "../observe/show.ts";
import { Systemd } from "../observe/systemd.ts";
import { Forwarder } from "../userspace/forwarder.ts";
import { userspaceObstacles } from "../userspace/obstacles.ts";
import { VERSION } from "../version.ts";
import { exitCodesText } from "./exit-codes.ts";
import { watchHostName } from "./host-name.ts";
import { openJoining } from "./joining.ts";
import { printConfig } from "./print-config.ts";
import { reloadConfig } from "./reload-config.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

const HELP = `
The agent reads the datastore, makes the tunnel devices, routes and rows of this node, and keeps
them so. What a setting is comes from the strongest of: flag, variable (in brackets above), --config
file, FelixConfiguration in the datastore, default; --print-config says which it was.

SIGTERM and SIGINT leave the overlay in place. SIGHUP reads the file, the datastore and the kernel
again. Under systemd it says when it is ready.

Examples:    causeway run --node alder --datastore file:/etc/causeway/cluster
             causeway run --config /etc/causeway/config.yaml --print-config
${exitCodesText("0 ended by a signal")}`;

export function runCommand(): Command {
  const command = new Command("run")
    .description("run the agent of this node")
    .option("--print-config", "print every setting with its source, and exit")
    .option("--json", "with --print-config: print it as JSON");
  addSettingFlags(command).addHelpText("after", HELP);
  return command.action(async () => {
    const { printConfig: isPrint, json } = command.opts<{ printConfig?: true; json?: true }>();
    if (isPrint) return printConfig(configOf(command, []), json === true);
    if (json) {
      const what = "run: --json goes with --print-config";
      throw new CausewayError("bad-config", what, { hint: "causeway status --json" });
    }
    await runAgent(() => configOf(command, ["node", "datastore"]));
  });
}

/** @param load reads flags, variables and file, at start and on every SIGHUP. */
async function runAgent(load: () => LoadedConfig): Promise<void> {
  let loaded = load();
  const { config } = loaded;
  requireNetAdmin("run", "changes network devices and routes");
  const log = createLogger(config.logLevel, process.stderr.isTTY === true);
  const systemd = new Systemd(process.env["NOTIFY_SOCKET"], log);
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop.abort());
  const runDir = RunDir.claim(config.runDir);
  try {
    await refuseSecondAgent();
    while (!stop.signal.aborted) {
      await runUnderOneName({ load, loaded, log, systemd, runDir, stop: stop.signal });
      if (!stop.signal.aborted) loaded = load();
    }
    log.info("agent stopped; the overlay stays in place");
  } finally {
    runDir.release();
  }
}

interface RunParts {
  readonly load: () => LoadedConfig;
  readonly loaded: LoadedConfig;
  readonly log: Logger;
  readonly systemd: Systemd;
  readonly runDir: RunDir;
  readonly stop: AbortSignal;
}

/** Until `stop`, or until the node is called by another name: all that is calculated hangs on it. */
async function runUnderOneName(run: RunParts): Promise<void> {
  const { load, loaded, log, systemd, runDir, stop } = run;
  const { config } = loaded;
  const end = new AbortController();
  const { signal } = end;
  let isRenamed = false;
  stop.addEventListener("abort", () => end.abort(), { signal });
  const snapshot = new SnapshotFile(config.runDir);
  const own = isFlannel(config.datastore) ? new OwnLease(config) : undefined;
  const datastore = readAhead(await openDatastore(config, { snapshot, own }), signal);
  const opening = NetlinkKernel.open(new PathTable());
  // Now, while the netlink thread starts, rather than when the first record comes to a running agent.
  prepareShape("FelixConfiguration");
  const kernel = await opening;
  try {
    const onReady = (): void => isReady(agent, log, systemd);
    const userspace = userspaceObstacles();
    const dataPath = new Forwarder({ device: TUN_DEVICE });
    const joining = await openJoining(config, kernel, log, own);
    signal.addEventListener("abort", () => void joining?.close());
    const parts = { config, kernel, userspace, dataPath, datastore, log, onReady };
    const agent = new Agent({ ...parts, ...joining });
    const context = { agent, kernel, node: config.node, datastoreUrl: datastore.url };
    const server = await ControlServer.listen(runDir, {
      "GET /status": () => buildStatus(context),
      "GET /show": (query) => new RowsAnswer(showRows(context, query.get("what") ?? "")),
      "POST /resync": (query) => {
        agent.resync(query.get("acceptEmpty") === "true");
        return { asked: true };
      },
    });
    const reload = reloadConfig({ load, loaded, agent, log, systemd });
    process.on("SIGHUP", reload);
    try {
      log.info({ version: VERSION, node: config.node, datastore: datastore.url }, "agent starts");
      if (joining !== undefined) {
        watchHostName(loaded, signal, (name) => {
          log.warn({ before: config.node, now: name }, "the host has another name; starting anew");
          isRenamed = true;
          end.abort();
        });
      }
      await agent.run(signal);
    } finally {
      process.off("SIGHUP", reload);
      if (!isRenamed) systemd.stopping();
      await server.close();
    }
    await snapshot.flush().catch((error) => log.warn({ reason: reasonOf(error) }, "snapshot"));
  } finally {
    await kernel.close();
  }
}

/** What is ours is known by names that two agents of one network namespace would share. */
async function refuseSecondAgent(): Promise<void> {
  const [other] = await runDirsHere();
  if (other === undefined) return;
  const what = `another agent runs in this network namespace, with --run-dir ${other}`;
  const hint = "stop it: the two would undo each other's work";
  throw new CausewayError("agent", what, { hint });
}

/** Also where something is lacking: what can work works, and the rest is tried again. */
function isReady(agent: Agent, log: Logger, systemd: Systemd): void {
  const problems = agent.problems().filter(({ severity }) => severity === "error").length;
  const failing = agent.reconciler.held().length;
  if (problems + failing === 0) log.info("everything wanted is in the kernel");
  else log.warn({ problems, failing }, "all that can be is in the kernel; see causeway status");
  systemd.ready();
}

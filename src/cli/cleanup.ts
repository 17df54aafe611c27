/** `causeway cleanup`: takes out of the kernel exactly what is ours. */
import { Command } from "commander";
import { emptyKernelState } from "../../tunnels/kernel/apply-to-state.ts";
import { describeOp, objectName } from "../../tunnels/kernel/describe-op.ts";
import type { OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import type { DeviceNames } from "../../tunnels/kernel/ownership.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Reconciler } from "../../tunnels/reconcile/reconciler.ts";
import { CausewayError } from "../errors.ts";
import { NetlinkKernel } from "../netlink/netlink-kernel.ts";
import { networkStyle } from "../network-style.ts";
import { runDirsHere } from "../observe/agents-here.ts";
import { isAgentRunning } from "../observe/control-server.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { countKinds } from "./kind-counts.ts";
import { print, printJson, withProgress } from "./output.ts";
import { PlanKernel } from "./plan-kernel.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { plural, wrap } from "./text.ts";

const HELP = `
Ours are the devices vxlan.causeway, vxlan6.causeway, ipip.causeway and tun.causeway with all that
is on them, and the routes and nexthop objects of protocol 202; with the --datastore of a flannel
network also flannel.VNI and flannel-v6.VNI. Sysctls stay as they are. Traffic over the overlay
stops.

Examples:    causeway cleanup --dry-run
             causeway cleanup
${exitCodesText("0 nothing of ours is left; 1 something would not go")}`;

/** The settings that matter: whose agent it was, and what its devices are called. */
const USED = ["runDir", "datastore"];

interface CleanupReport {
  readonly removed: readonly KernelOp[];
  readonly failures: readonly OpFailure[];
}

export function cleanupCommand(): Command {
  const command = new Command("cleanup")
    .description("remove from the kernel exactly what is ours, and say what")
    .option("--dry-run", "only say what")
    .option("--json", "print what was removed as JSON");
  addSettingFlags(command, USED).addHelpText("after", HELP);
  return command.action(async () => {
    const { config } = configOf(command, [], USED);
    const { runDir } = config;
    const { dryRun = false, json } = command.opts<{ dryRun?: boolean; json?: boolean }>();
    requireNetAdmin("cleanup", "changes network devices and routes");
    if (!dryRun) await refuseWithAgent(runDir);
    const report = await withProgress(
      "removing what is ours",
      removeAll(dryRun, networkStyle(config).devices),
    );
    if (report.failures.length > 0) process.exitCode = EXIT.no;
    if (json) printJson(asJson(report, dryRun));
    else tell(report, dryRun);
  });
}

async function refuseWithAgent(runDir: string): Promise<void> {
  const running = (await isAgentRunning(runDir)) ? [runDir] : await runDirsHere();
  if (running[0] === undefined) return;
  throw new CausewayError("agent", `an agent runs with --run-dir ${running[0]}`, {
    hint: "stop it first, or it puts everything back; --dry-run only looks",
  });
}

function asJson({ removed, failures }: CleanupReport, dryRun: boolean): unknown {
  return {
    dryRun,
    removed: removed.map((op) => ({ object: objectName(op), commands: describeOp(op) })),
    failed: failures.map(({ op, code, message }) => ({ object: objectName(op), code, message })),
  };
}

function tell({ removed, failures }: CleanupReport, dryRun: boolean): void {
  const verb = dryRun ? "would be removed" : "removed";
  const heading =
    removed.length === 0
      ? ["nothing of ours is here"]
      : [`${plural(removed.length, "object")} ${verb}`, countKinds(removed)];
  const commands = removed.flatMap(describeOp);
  print([...heading.map((text) => wrap(`# ${text}`, "#   ")), ...commands, ""].join("\n"));
  for (const { op, message } of failures) {
    process.stderr.write(`causeway: ${objectName(op)} is still there: ${message}\n`);
  }
}

async function removeAll(dryRun: boolean, devices: DeviceNames): Promise<CleanupReport> {
  const real = await NetlinkKernel.open(new PathTable());
  const kernel = dryRun ? new PlanKernel(real) : real;
  const removed: KernelOp[] = [];
  const failures: OpFailure[] = [];
  const reconciler = new Reconciler({
    kernel,
    desired: emptyKernelState(),
    devices,
    now: () => performance.now(),
    wallClock: () => Date.now(),
    random: Math.random,
    takesOver: () => false,
    onOps: (ops, failed) => {
      const bad = new Set(failed.map(({ at }) => at));
      let at = 0;
      for (const op of ops) if (!bad.has(at++)) removed.push(op);
      failures.push(...failed);
    },
  });
  try {
    reconciler.readAgain();
    await reconciler.read();
    reconciler.mayRemove = true;
    await reconciler.apply();
  } finally {
    await kernel.close();
  }
  return { removed, failures };
}

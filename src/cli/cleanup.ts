/** `causeway cleanup`: takes out of the kernel exactly what is ours. */
import { Command } from "commander";
import { emptyKernelState } from "../../tunnels/kernel/apply-to-state.ts";
import { describeOp } from "../../tunnels/kernel/describe-op.ts";
import type { OpFailure } from "../../tunnels/kernel/kernel.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { Reconciler } from "../../tunnels/reconcile/reconciler.ts";
import { CausewayError } from "../errors.ts";
import { NetlinkKernel } from "../netlink/netlink-kernel.ts";
import { isAgentRunning } from "../observe/control-server.ts";
import { PlanKernel } from "./plan-kernel.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { plural } from "./text.ts";

const HELP = `
Ours are the devices vxlan.causeway, vxlan6.causeway and ipip.causeway with all that is on them, and
the routes and nexthop objects of protocol 202. Sysctls stay as they are.`;

export function cleanupCommand(): Command {
  const command = new Command("cleanup")
    .description("remove from the kernel exactly what is ours, and say what")
    .option("--dry-run", "only say what")
    .option("--json", "print what was removed as JSON");
  addSettingFlags(command, ["runDir"]).addHelpText("after", HELP);
  return command.action(async () => {
    const { config } = configOf(command, []);
    requireNetAdmin("cleanup");
    const { dryRun, json } = command.opts<{ dryRun?: boolean; json?: boolean }>();
    if (!dryRun && (await isAgentRunning(config.runDir))) {
      const hint = "stop it first, or it puts everything back";
      throw new CausewayError("agent", `an agent runs with --run-dir ${config.runDir}; ${hint}`);
    }
    const { removed, failures } = await removeAll(dryRun === true);
    if (failures.length > 0) process.exitCode = 1;
    const commands = removed.flatMap(describeOp);
    const failed = failures.map(({ op, message }) => `${describeOp(op).join("; ")}: ${message}`);
    if (json) {
      process.stdout.write(`${JSON.stringify({ removed: commands, failed }, undefined, 2)}\n`);
      return;
    }
    for (const line of commands) process.stdout.write(`${line}\n`);
    for (const line of failed) process.stderr.write(`causeway: failed: ${line}\n`);
    const verb = dryRun ? "would be removed" : "removed";
    process.stdout.write(
      `# ${removed.length === 0 ? "nothing of ours is here" : `${plural(removed.length, "object")} ${verb}`}\n`,
    );
  });
}

async function removeAll(dryRun: boolean): Promise<{ removed: KernelOp[]; failures: OpFailure[] }> {
  const real = await NetlinkKernel.open(new PathTable());
  const kernel = dryRun ? new PlanKernel(real) : real;
  const removed: KernelOp[] = [];
  const failures: OpFailure[] = [];
  const reconciler = new Reconciler({
    kernel,
    desired: emptyKernelState(),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    random: Math.random,
    takeOver: false,
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

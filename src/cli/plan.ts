/** `causeway plan`: what the agent would do now, as commands; nothing is changed. */
import { Command } from "commander";
import { describeOp, objectName } from "../../tunnels/kernel/describe-op.ts";
import type { KernelOp } from "../../tunnels/kernel/kernel-op.ts";
import { addressKey, fdbKey, neighbourKey } from "../../tunnels/kernel/kernel-state.ts";
import type { Agent } from "../agent.ts";
import type { Config } from "../config/settings.ts";
import { makePlan } from "./make-plan.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { plural } from "./text.ts";

const HELP = `
The commands are those of iproute2 and procps, in the order in which the agent would work; they can
be pasted, or piped into a shell:  causeway plan --node alder --datastore file:DIR | sh -e`;

export function planCommand(): Command {
  const command = new Command("plan")
    .description("print what the agent would do, as commands, and change nothing")
    .option("--exit-code", "exit 2 if there is something to do")
    .option("--json", "print the operations as JSON");
  addSettingFlags(command).addHelpText("after", HELP);
  return command.action(async () => {
    const { config } = configOf(command, ["node", "datastore"]);
    const { exitCode, json } = command.opts<{ exitCode?: boolean; json?: boolean }>();
    requireNetAdmin("plan");
    const { agent, ops } = await makePlan(config);
    if (exitCode && ops.length > 0) process.exitCode = 2;
    process.stdout.write(json ? formatJson(ops) : formatPlan(agent, ops, config));
  });
}

function formatJson(ops: readonly KernelOp[]): string {
  const rows = ops.map((op) => ({
    object: objectName(op),
    verb: op.verb,
    reason: op.reason,
    commands: describeOp(op),
  }));
  return `${JSON.stringify(rows, undefined, 2)}\n`;
}

function formatPlan(agent: Agent, ops: readonly KernelOp[], config: Config): string {
  const { datastoreState, overlay } = agent;
  const lines = [
    `# node ${config.node}, datastore ${config.datastore} (revision ${datastoreState?.revision}), ` +
      "kernel as read now",
    `# ${summary(ops)}`,
  ];
  for (const { severity, subject, reason } of overlay.problems()) {
    lines.push(`# ${severity}: ${subject}: ${reason}`);
  }
  for (const op of ops) {
    const note = overlay.describe(op.kind, keyText(op));
    const commands = describeOp(op);
    commands.forEach((command, at) => {
      lines.push(at === 0 && note ? `${command}   # ${note}` : command);
    });
  }
  return `${lines.join("\n")}\n`;
}

function keyText(op: KernelOp): string {
  switch (op.kind) {
    case "route":
      return String(op.object.destination);
    case "nexthop":
      return String(op.object.id);
    case "address":
      return addressKey(op.object);
    case "neighbour":
      return neighbourKey(op.object);
    case "fdb":
      return fdbKey(op.object);
    default:
      return op.object.name;
  }
}

const NOUNS: Readonly<Record<KernelOp["kind"], string>> = {
  sysctl: "sysctl",
  link: "device",
  address: "address",
  neighbour: "neighbour",
  fdb: "FDB entry",
  nexthop: "nexthop",
  route: "route",
};

/** "9 changes: 1 device, 2 routes; nothing is removed". */
function summary(ops: readonly KernelOp[]): string {
  if (ops.length === 0) return "nothing to do: the kernel is as it should be";
  const counts = new Map<string, number>();
  for (const op of ops) counts.set(NOUNS[op.kind], (counts.get(NOUNS[op.kind]) ?? 0) + 1);
  const parts = [...counts].map(([noun, count]) => plural(count, noun));
  const removed = ops.filter(({ verb }) => verb === "delete").length;
  const last = removed === 0 ? "nothing is removed" : `${plural(removed, "removal")} among them`;
  return `${plural(ops.length, "change")}: ${parts.join(", ")}; ${last}`;
}

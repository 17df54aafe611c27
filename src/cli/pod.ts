/** `causeway pod add|del`: gives a network namespace what a container runtime would give a pod. */
import { Command } from "commander";
import { addPod, deletePod, type Pod } from "../cni/pods.ts";
import { exitCodesText } from "./exit-codes.ts";
import { print, printJson } from "./output.ts";
import { requireNetAdmin } from "./require-net-admin.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";

const HELP = `
The agent of this node has to register it (causeway run --register): it keeps the conflist, made of
the plugins ptp, host-local and portmap, that is used here and by container runtimes alike.

Examples:    causeway pod add web
             ip netns exec web ping 10.244.1.70
             causeway pod del web
${exitCodesText("0 the pod has its addresses, or is gone")}`;

const ACTIONS = ["add", "del"] as const;

export function podCommand(): Command {
  const command = new Command("pod")
    .description("connect a network namespace to the overlay as a pod, or take it away")
    .argument("<action>", `${ACTIONS.join(" or ")}`)
    .argument("<name>", "of the namespace; it is made if there is none, and goes with the pod then")
    .option("--json", "print what the plugins answered as JSON");
  addSettingFlags(command, ["runDir", "cniPath"]).addHelpText("after", HELP);
  return command.action(async (action: string, name: string) => {
    const known = ACTIONS.find((one) => one === action);
    if (known === undefined) return command.error(`error: unknown action '${action}'`);
    const { runDir, cniPath } = configOf(command, [], ["runDir", "cniPath"]).config;
    requireNetAdmin(`pod ${known}`, "changes network namespaces");
    const options = { runDir, cniPath };
    const pod = known === "add" ? await addPod(name, options) : await deletePod(name, options);
    const { json } = command.opts<{ json?: true }>();
    if (json) printJson(pod.result);
    else print(known === "add" ? `${name} has ${addressesOf(pod)}\n` : `${name} is gone\n`);
  });
}

function addressesOf({ result }: Pod): string {
  return result.ips.map(({ address }) => address.split("/")[0]).join(" and ");
}

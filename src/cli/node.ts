/** `causeway node delete`: takes a dead node out of the cluster. */
import { Command } from "commander";
import type { RecordStore } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";
import { machineOf } from "../register/node-record.ts";
import { type RemovedNode, removeNode } from "../register/remove-node.ts";
import { answersRollCall } from "../register/roll-call.ts";
import { addDatastoreFlags, withRecordStore } from "./datastore-flags.ts";
import { exitCodesText } from "./exit-codes.ts";
import { print, printJson, withProgress } from "./output.ts";
import { plural } from "./text.ts";

/** Seconds that an agent has to answer. */
const PATIENCE = 15;

const HELP = `
Its record, blocks and addresses go, and other nodes may have them. While its agent lives that would
take the ground from under its pods, so the agent is asked first, through the datastore: one that
registers its node answers at once, and one that has not within ${PATIENCE} seconds counts as dead. An agent
that lives and was cut off registers its node again, with other blocks, when it is back.

Example:     causeway node delete elm --datastore etcd://192.0.2.1:2379
${exitCodesText("0 the node is out, or was not there")}`;

interface NodeFlags {
  readonly force?: true;
  readonly json?: true;
  readonly patience: string;
}

export function nodeCommand(): Command {
  const command = new Command("node")
    .description("take a dead node's record, blocks and addresses out of the datastore")
    .argument("<action>", "delete")
    .argument("<name>", "of the node's record")
    .option("--force", "ask nobody: also where its agent lives, or cannot be asked")
    .option("--patience <seconds>", "how long its agent has to answer", String(PATIENCE))
    .option("--json", "print what was removed as JSON");
  addDatastoreFlags(command).addHelpText("after", HELP);
  return command.action(async (action: string, name: string) => {
    if (action !== "delete") return command.error(`error: unknown action '${action}'`);
    const { force, json, patience } = command.opts<NodeFlags>();
    await withRecordStore(command, async (store) => {
      if (!force) await refuseLiving(store, name, secondsOf(patience));
      const removed = await withProgress(`removing node ${name}`, removeNode(store, name));
      if (json) printJson(removed);
      else print(`${textOf(name, removed)}\n`);
    });
  });
}

/** @throws CausewayError "agent" */
async function refuseLiving(store: RecordStore, name: string, seconds: number): Promise<void> {
  const record = await store.get("Node", name);
  if (record === undefined) return;
  const hint = "stop its agent first, or give --force";
  if (machineOf(record.value) === undefined) {
    const what = `node ${name} was registered by another program, or by hand: nobody can be asked`;
    throw new CausewayError("agent", what, { hint: "be sure that it is dead, then give --force" });
  }
  const asking = answersRollCall(store, name, seconds * 1_000);
  if (await withProgress(`asking the agent of ${name} whether it lives`, asking)) {
    throw new CausewayError("agent", `the agent of node ${name} lives; nothing is removed`, {
      hint,
    });
  }
}

/** @throws CausewayError "bad-config" */
function secondsOf(text: string): number {
  const seconds = Number(text);
  if (text.trim() !== "" && seconds > 0 && Number.isFinite(seconds)) return seconds;
  throw new CausewayError("bad-config", `--patience "${text}": must be a number of seconds`);
}

function textOf(name: string, { hadRecord, blocks, addresses }: RemovedNode): string {
  const parts = [
    hadRecord ? "its record" : "",
    blocks.length > 0 ? `${plural(blocks.length, "block")} (${blocks.join(", ")})` : "",
    addresses.length > 0 ? plural(addresses.length, "address") : "",
  ].filter(Boolean);
  if (parts.length === 0) return `there is no node ${name}`;
  return `node ${name} is out: ${parts.join(", ")} removed`;
}

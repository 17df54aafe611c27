/** `causeway delete`: records out of a datastore. */
import { Command } from "commander";
import { parseKind, parseName, titleOf } from "../admin/record-kinds.ts";
import { removalObstacles } from "../admin/removal-obstacles.ts";
import type { RecordKind, RecordStore } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";
import { addDatastoreFlags, withRecordStore } from "./datastore-flags.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { missingText } from "./get.ts";
import { print, printJson } from "./output.ts";
import { plural, wrap } from "./text.ts";

const HELP = `
A pool or a node that still has blocks, and a block with addresses in use, are not deleted: what is
in the way is listed. --force deletes the record alone and leaves the rest hanging. Of a core Node
only Calico's annotations go.

Examples:    causeway delete ippool green --datastore etcd://192.0.2.1:2379
             causeway node delete elm       (a dead node, with its blocks and addresses)
${exitCodesText("0 it is gone; 1 something is in the way, or there is no such record")}`;

/** Obstacles that are named. */
const NAMED = 5;
/** So often somebody else may be first. */
const ATTEMPTS = 5;

interface Refused {
  readonly name: string;
  readonly obstacles: readonly string[];
}

interface DeleteReport {
  readonly kind: RecordKind;
  readonly deleted: string[];
  readonly missing: string[];
  readonly refused: Refused[];
}

export function deleteCommand(): Command {
  const command = new Command("delete")
    .description("delete records, if nothing is left that needs them")
    .argument("<kind>", "ippool, node, ipamblock, felixconfiguration, …")
    .argument("<name...>", "of the records")
    .option("--force", "also if something needs them")
    .option("--json", "print the report as JSON");
  addDatastoreFlags(command).addHelpText("after", HELP);
  return command.action(async (kindText: string, names: string[]) => {
    const kind = parseKind(kindText);
    const { force = false, json } = command.opts<{ force?: true; json?: true }>();
    await withRecordStore(command, async (store) => {
      const report: DeleteReport = { kind, deleted: [], missing: [], refused: [] };
      for (const name of names) await deleteOne(store, parseName(kind, name), force, report);
      if (report.missing.length + report.refused.length > 0) process.exitCode = EXIT.no;
      if (json) printJson(report);
      else await tell(store, report);
    });
  });
}

async function deleteOne(
  store: RecordStore,
  name: string,
  force: boolean,
  { kind, deleted, missing, refused }: DeleteReport,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const record = await store.get(kind, name);
    if (record === undefined) {
      missing.push(name);
      return;
    }
    const obstacles = force ? [] : await removalObstacles(store, record.value);
    if (obstacles.length > 0) {
      refused.push({ name, obstacles });
      return;
    }
    try {
      await store.delete(kind, name, record.revision);
      deleted.push(name);
      return;
    } catch (error) {
      const isConflict = error instanceof CausewayError && error.code === "conflict";
      if (!isConflict || attempt === ATTEMPTS) throw error;
    }
  }
}

async function tell(
  store: RecordStore,
  { kind, deleted, missing, refused }: DeleteReport,
): Promise<void> {
  for (const name of deleted) print(`${titleOf(kind, name)} deleted\n`);
  for (const name of missing) process.stderr.write(await missingText(store, kind, name));
  for (const { name, obstacles } of refused) {
    process.stderr.write(`${refusalLines(kind, name, obstacles).join("\n")}\n`);
  }
}

function refusalLines(kind: RecordKind, name: string, obstacles: readonly string[]): string[] {
  const more = obstacles.length - NAMED;
  const named = obstacles.slice(0, NAMED).join(", ");
  const rest = more > 0 ? `, and ${plural(more, "block")} more` : "";
  const verb = kind === "IPAMBlock" ? "" : "it still has ";
  const line = `causeway: ${titleOf(kind, name)} is not deleted: ${verb}${named}${rest}`;
  const hint =
    kind === "Node"
      ? `causeway node delete ${name} takes its blocks and addresses along, if it is dead`
      : "delete those first, or give --force to leave them hanging";
  return [wrap(line, "    "), `  → ${hint}`];
}

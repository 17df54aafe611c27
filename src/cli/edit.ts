/** `causeway edit`: one record in an editor. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type EditAnswer, EditedRecord } from "../admin/edited-record.ts";
import { parseKind, parseName, titleOf } from "../admin/record-kinds.ts";
import { formatFault } from "../datastore/fault-text.ts";
import type { RecordKind, RecordStore } from "../datastore/record-store.ts";
import { CausewayError } from "../errors.ts";
import { addDatastoreFlags, withRecordStore } from "./datastore-flags.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { missingText, yamlOf } from "./get.ts";
import { print } from "./output.ts";

const HELP = `
The record is opened in $VISUAL, $EDITOR or vi, as YAML, and written when the editor ends. Where it
is refused, or somebody else has changed it meanwhile, the editor opens again with the reason at the
top. To give up leave the text as it is then: it is kept in a file.

Example:     causeway edit felixconfiguration default --datastore file:/etc/causeway/cluster
${exitCodesText("0 it is written, or was left as it is; 1 given up, or there is no such record")}`;

/** What lines of ours at the top of the text begin with. */
const MARK = "# causeway: ";

export function editCommand(): Command {
  const command = new Command("edit")
    .description("change one record in an editor")
    .argument("<kind>", "ippool, node, ipamblock, felixconfiguration, …")
    .argument("<name>", "of the record");
  addDatastoreFlags(command).addHelpText("after", HELP);
  return command.action(async (kindText: string, name: string) => {
    const kind = parseKind(kindText);
    await withRecordStore(command, (store) => edit(store, kind, parseName(kind, name)));
  });
}

async function edit(store: RecordStore, kind: RecordKind, name: string): Promise<void> {
  const record = await EditedRecord.read(store, kind, name);
  if (record === undefined) {
    process.stderr.write(await missingText(store, kind, name));
    process.exitCode = EXIT.no;
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), "causeway-edit-"));
  const path = join(directory, `${kind.toLowerCase()}.yaml`);
  const title = titleOf(kind, name);
  try {
    const outcome = await editUntilWritten(record, path, `${title} of ${store.url}`);
    if (outcome !== undefined) {
      print(`${title} ${outcome}\n`);
      rmSync(directory, { recursive: true });
      return;
    }
    process.exitCode = EXIT.no;
    process.stderr.write(`causeway: ${title} is not changed\n  → your text is kept in ${path}\n`);
  } catch (error) {
    process.stderr.write(`causeway: your text is kept in ${path}\n`);
    throw error;
  }
}

/** Undefined where the user gives up. */
async function editUntilWritten(
  record: EditedRecord,
  path: string,
  what: string,
): Promise<"changed" | "unchanged" | undefined> {
  let text = withHead([what], yamlOf([record.shown]));
  for (let isFirst = true; ; isFirst = false) {
    writeFileSync(path, text, { mode: 0o600 });
    await runEditor(path);
    const edited = readFileSync(path, "utf8");
    if (edited === text) return isFirst ? "unchanged" : undefined;
    const body = withoutHead(edited);
    const answer = await record.write(body, "");
    if (answer.outcome !== undefined) {
      for (const fault of answer.faults) process.stderr.write(`warning: ${formatFault(fault)}\n`);
      return answer.outcome;
    }
    text = withHead(reasonsOf(answer), body);
  }
}

/** @throws CausewayError `bad-config` where there is no such editor, or it fails */
async function runEditor(path: string): Promise<void> {
  const { VISUAL, EDITOR } = process.env;
  const editor = VISUAL || EDITOR || "vi";
  // As git does it: what the variable holds may be a command with arguments.
  const child = spawn("sh", ["-c", `${editor} "$1"`, "sh", path], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code === 0) return;
  const hint = "set VISUAL or EDITOR to an editor that is there";
  throw new CausewayError("bad-config", `the editor "${editor}" failed`, { hint });
}

/** Lines as they will be, below these reasons. */
function reasonsOf({ faults, reasons }: EditAnswer): string[] {
  const height = faults.length + reasons.length + 1;
  const found = faults.map((fault) => {
    const line = Number(fault.where.slice(fault.where.lastIndexOf(":") + 1)) + height;
    return `line ${line}: ${formatFault(fault)}`;
  });
  const last = "leave this text as it is to give up; change anything to try again";
  return [...found, ...reasons, last];
}

function withHead(lines: readonly string[], text: string): string {
  return lines.map((line) => `${MARK}${line}\n`).join("") + text;
}

function withoutHead(text: string): string {
  const lines = text.split(/(?<=\n)/);
  while (lines[0]?.startsWith(MARK)) lines.shift();
  return lines.join("");
}

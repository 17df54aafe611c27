/** `causeway get`: what a datastore holds. */
import { Command, Option } from "commander";
import { parseKind, parseName, titleOf } from "../admin/record-kinds.ts";
import { nearest } from "../config/nearest.ts";
import type { RecordKind, RecordStore, RecordValue } from "../datastore/record-store.ts";
import { yaml } from "../lazy-yaml.ts";
import { addDatastoreFlags, withRecordStore } from "./datastore-flags.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { print, printJson, withProgress } from "./output.ts";
import { recordTable } from "./record-table.ts";

const HELP = `
Kinds: ippool, node, ipamblock, felixconfiguration; of address management also blockaffinity,
ipamhandle and ipamconfig. Plurals and capitals are as good. What -o yaml prints is as causeway
apply takes it.

A block goes by its prefix, too: causeway get ipamblock 10.244.0.64/26.
A cluster's core Nodes are listed once somebody has registered them: Calico's annotations say so.

Examples:    causeway get ippools --datastore file:/etc/causeway/cluster
             causeway get node alder -o yaml > alder.yaml
${exitCodesText("0 it is printed; 1 there is no record of that name")}`;

const FORMATS = ["table", "yaml", "json"] as const;
type Format = (typeof FORMATS)[number];

export function getCommand(): Command {
  const command = new Command("get")
    .description("print records of the datastore")
    .argument("<kind>", "ippool, node, ipamblock, felixconfiguration, …")
    .argument("[name]", "of one record; all of the kind without")
    .addOption(new Option("-o, --output <format>", "as what").choices(FORMATS).default("table"))
    .option("--json", "the same as -o json");
  addDatastoreFlags(command).addHelpText("after", HELP);
  return command.action(async (kindText: string, nameText: string | undefined) => {
    const kind = parseKind(kindText);
    const name = nameText && parseName(kind, nameText);
    const { output, json } = command.opts<{ output: Format; json?: true }>();
    const format = json ? "json" : output;
    await withRecordStore(command, async (store) => {
      const reading = name === undefined ? readAll(store, kind) : readOne(store, kind, name);
      const records = await withProgress("reading", reading);
      if (records === undefined) process.exitCode = EXIT.no;
      else if (format === "table") print(tableOf(store, kind, records));
      else if (format === "yaml") print(yamlOf(records));
      else printJson(name === undefined ? listOf(kind, records) : records[0]);
    });
  });
}

async function readAll(store: RecordStore, kind: RecordKind): Promise<readonly RecordValue[]> {
  const unreadable = new Map<string, string>();
  const records = await store.list(kind, {
    onUnreadable: ({ message, hint }) => unreadable.set(message, hint ?? "mend it"),
  });
  for (const [what, hint] of unreadable) {
    process.stderr.write(`causeway: left out: ${what}\n  → ${hint}\n`);
  }
  return records.map(({ value }) => value);
}

/** Undefined where there is none, which is said then. */
async function readOne(
  store: RecordStore,
  kind: RecordKind,
  name: string,
): Promise<readonly RecordValue[] | undefined> {
  const found = await store.get(kind, name);
  if (found !== undefined) return [found.value];
  process.stderr.write(await missingText(store, kind, name));
  return undefined;
}

/** That there is no such record, and which was meant perhaps. */
export async function missingText(
  store: RecordStore,
  kind: RecordKind,
  name: string,
): Promise<string> {
  const names = (await store.list(kind)).map(({ value }) => value.metadata.name);
  const near = nearest(name, names);
  const hint = near === undefined ? `causeway get ${kind.toLowerCase()}` : `did you mean ${near}?`;
  return `causeway: there is no ${titleOf(kind, name)} in ${store.url}\n  → ${hint}\n`;
}

function tableOf({ url }: RecordStore, kind: RecordKind, records: readonly RecordValue[]): string {
  return records.length === 0 ? `no ${kind} in ${url}\n` : recordTable(kind, records);
}

/** Documents that `apply` takes as they are. */
export function yamlOf(records: readonly RecordValue[]): string {
  return records.map((record) => yaml().stringify(record, { lineWidth: 0 })).join("---\n");
}

function listOf(kind: RecordKind, items: readonly RecordValue[]): object {
  return { apiVersion: "projectcalico.org/v3", kind: `${kind}List`, items };
}

/** `causeway migrate`: one datastore into another. */
import { Command } from "commander";
import { type Migration, migrateRecords } from "../admin/migrate-records.ts";
import { titleOf } from "../admin/record-kinds.ts";
import type { Config } from "../config/settings.ts";
import { directoryOf } from "../datastore/datastore-url.ts";
import { openRecordStore } from "../datastore/open-records.ts";
import type { RecordStore } from "../datastore/record-store.ts";
import { type ValidationReport, validatePaths } from "../datastore/validate.ts";
import { CausewayError } from "../errors.ts";
import { ACCESS_SETTINGS } from "./datastore-flags.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { faultLines, isError } from "./fault-lines.ts";
import { print, printJson, showProgress } from "./output.ts";
import { addSettingFlags, configOf } from "./setting-flags.ts";
import { columns, plural, wrap } from "./text.ts";

const HELP = `
FROM and TO are file:DIR, etcd://HOST:PORT,... or kubernetes:, as for causeway run; the flags below
are for both. Everything of address management goes along, so no address is given out twice. Then
both are read again and compared. What TO has already and is the same is left alone: a run that was
cut off is run again. TO never loses a record.

In Kubernetes a node is what its kubelet registered: Calico's annotations are written, nothing else.

Stop what writes FROM first (agents with --register, calico/node), and start it on TO afterwards.

Examples:    causeway migrate file:/etc/causeway/cluster etcd://192.0.2.1:2379 --dry-run
             causeway migrate etcd://192.0.2.1:2379 kubernetes: --kubeconfig admin.conf
${exitCodesText("0 TO has all that FROM has; 1 something differs or was refused")}`;

interface MigrateFlags {
  readonly dryRun?: true;
  readonly overwrite?: true;
  readonly json?: true;
}

export function migrateCommand(): Command {
  const command = new Command("migrate")
    .description("copy one datastore into another, and verify the copy")
    .argument("<from>", "datastore to read")
    .argument("<to>", "datastore to write")
    .option("--dry-run", "say what would be copied, and write nothing")
    .option("--overwrite", "also records that TO has and that differ")
    .option("--json", "print the report as JSON");
  addSettingFlags(command, ACCESS_SETTINGS).addHelpText("after", HELP);
  return command.action(async (from: string, to: string) => {
    const { dryRun = false, overwrite = false, json } = command.opts<MigrateFlags>();
    const { config } = configOf(command, [], ACCESS_SETTINGS);
    if (from === to) {
      throw new CausewayError("bad-config", `migrate: FROM and TO are both ${from}`);
    }
    const faults = await faultsOf(from);
    if (faults !== undefined) return refuse(from, faults, json === true);
    const report = await withStores(config, from, to, (a, b) => {
      const onProgress = showProgress;
      return migrateRecords(a, b, { dryRun, overwrite, onProgress });
    }).finally(() => showProgress(""));
    if (report.problems.length > 0) process.exitCode = EXIT.no;
    if (json) printJson(report);
    else print(formatMigration(report, { from, to, dryRun, overwrite }));
  });
}

/** Files that are wrong would be left out in silence. Undefined where all is right. */
async function faultsOf(from: string): Promise<ValidationReport | undefined> {
  if (!from.startsWith("file:")) return undefined;
  const report = await validatePaths([directoryOf(from)]);
  return report.problems.some(isError) ? report : undefined;
}

function refuse(from: string, { problems }: ValidationReport, json: boolean): void {
  process.exitCode = EXIT.no;
  if (json) printJson({ problems });
  else {
    const summary = `nothing was copied: mend what is wrong in ${from} first`;
    print(`${[...faultLines(problems), summary].join("\n")}\n`);
  }
}

async function withStores<T>(
  config: Config,
  from: string,
  to: string,
  work: (from: RecordStore, to: RecordStore) => Promise<T>,
): Promise<T> {
  const source = await openRecordStore({ ...config, datastore: from });
  try {
    const target = await openRecordStore({ ...config, datastore: to }, { makesDirectory: true });
    try {
      return await work(source, target);
    } catch (error) {
      throw withHint(error);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** It ends at the first call that gets no answer: nothing is lost by that. */
function withHint(error: unknown): unknown {
  if (!(error instanceof CausewayError) || error.code !== "datastore") return error;
  const again = "then run it again: what is copied already is left alone";
  const hint = error.hint === undefined ? again : `${error.hint}; ${again}`;
  return new CausewayError(error.code, error.message, { cause: error, hint });
}

interface Asked {
  readonly from: string;
  readonly to: string;
  readonly dryRun: boolean;
  readonly overwrite: boolean;
}

function formatMigration({ kinds, problems, verified }: Migration, asked: Asked): string {
  const { from, to, dryRun, overwrite } = asked;
  const rows = kinds
    .filter(({ found, extra }) => found + extra > 0)
    .map(({ kind, found, copied, same, overwritten, extra }) =>
      [kind, found, copied, overwritten, same, extra].map(String),
    );
  const head = [
    "kind",
    "in FROM",
    dryRun ? "to copy" : "copied",
    "overwritten",
    "there already",
    "only in TO",
  ];
  const lines = problems.map(({ kind, name, reason }) => {
    const title = name === undefined ? kind : titleOf(kind, name);
    return wrap(`${title}: ${reason}`, "    ");
  });
  const total = kinds.reduce((sum, { copied, overwritten }) => sum + copied + overwritten, 0);
  const what = `${plural(total, "record")} ${dryRun ? "to copy" : "copied"} from ${from} to ${to}`;
  const end = verified
    ? "; both were read again and say the same"
    : problems.length > 0
      ? `; ${plural(problems.length, "problem")}`
      : "; nothing was written";
  const differs = problems.some(({ reason }) => reason.startsWith("is there already"));
  const hint = differs && !overwrite ? ["  → --overwrite lets FROM win"] : [];
  return `${wrap(what + end, "    ")}\n${rows.length > 0 ? columns([head, ...rows], "  ") : ""}${[...lines, ...hint].map((line) => `${line}\n`).join("")}`;
}

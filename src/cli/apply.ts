/** `causeway apply`: files of records into a datastore. */
import { text as readAll } from "node:stream/consumers";
import { Command } from "commander";
import type { ResourceFault } from "../../tunnels/model/snapshot.ts";
import { applyRecord, type Outcome } from "../admin/apply-record.ts";
import {
  type Manifest,
  type ManifestReading,
  readManifests,
  readManifestText,
} from "../admin/read-manifests.ts";
import { titleOf } from "../admin/record-kinds.ts";
import type { RecordKind, RecordStore } from "../datastore/record-store.ts";
import { byPlace } from "../datastore/validate.ts";
import { CausewayError } from "../errors.ts";
import { addDatastoreFlags, withRecordStore } from "./datastore-flags.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { faultLines, isError } from "./fault-lines.ts";
import { print, printJson, showProgress } from "./output.ts";
import { plural } from "./text.ts";

const HELP = `
A record that is not there is created, another is changed where it differs. The spec is taken whole;
labels and annotations that the file does not give stay as they are. A record that is wrong is
refused with file, line and field, and the others are written all the same.

Examples:    causeway apply -f pools.yaml --datastore etcd://192.0.2.1:2379
             causeway get ippools -o yaml | sed s/Always/CrossSubnet/ | causeway apply -f -
${exitCodesText("0 all is as the files say; 1 something was refused")}`;

const OUTCOMES: readonly Outcome[] = ["created", "changed", "unchanged"];

interface Applied {
  readonly kind: RecordKind;
  readonly name: string;
  readonly outcome: Outcome;
}

interface ApplyReport {
  readonly applied: Applied[];
  readonly problems: ResourceFault[];
  /** Why it ended before all was written. */
  failure?: CausewayError;
}

interface ApplyFlags {
  readonly file: string[];
  readonly dryRun?: true;
  readonly json?: true;
}

export function applyCommand(): Command {
  const collect = (path: string, paths: string[] = []): string[] => [...paths, path];
  const command = new Command("apply")
    .description("create or change records as files say")
    .requiredOption(
      "-f, --file <path>",
      "file, directory, or - for stdin; may be repeated",
      collect,
    )
    .option("--dry-run", "say what would be done, and do nothing")
    .option("--json", "print the report as JSON");
  addDatastoreFlags(command).addHelpText("after", HELP);
  return command.action(async () => {
    const { file: paths, dryRun = false, json } = command.opts<ApplyFlags>();
    await withRecordStore(command, async (store) => {
      const report = await applyAll(store, await readInput(paths), dryRun);
      const { failure, ...rest } = report;
      if (json) printJson(rest);
      else print(formatReport(rest, dryRun));
      if (rest.problems.some(isError)) process.exitCode = EXIT.no;
      if (failure !== undefined) throw failure;
    });
  });
}

async function readInput(paths: readonly string[]): Promise<ManifestReading> {
  const files = paths.filter((path) => path !== "-");
  const read = await readManifests(files);
  if (files.length === paths.length) return read;
  const piped = await readManifestText(await readAll(process.stdin), "stdin");
  return {
    manifests: [...read.manifests, ...piped.manifests],
    faults: [...read.faults, ...piped.faults],
  };
}

async function applyAll(
  store: RecordStore,
  { manifests, faults }: ManifestReading,
  dryRun: boolean,
): Promise<ApplyReport> {
  const report: ApplyReport = { applied: [], problems: [...faults] };
  for (const [at, manifest] of manifests.entries()) {
    const { value, warnings } = manifest;
    showProgress(`${at + 1} of ${manifests.length}`);
    report.problems.push(...warnings);
    try {
      const outcome = await applyRecord(store, value, { dryRun });
      report.applied.push({ kind: value.kind, name: value.metadata.name, outcome });
    } catch (error) {
      if (!(error instanceof CausewayError)) throw error;
      if (error.code === "datastore") {
        report.failure = error;
        break;
      }
      report.problems.push(refusal(manifest, error));
    }
  }
  showProgress("");
  report.problems.sort(byPlace);
  return report;
}

function refusal({ where, value }: Manifest, error: CausewayError): ResourceFault {
  const what = titleOf(value.kind, value.metadata.name);
  const told = error.message.startsWith(`${what}: `)
    ? error.message.slice(what.length + 2)
    : error.message;
  const reason = error.hint === undefined ? told : `${told}; ${error.hint}`;
  return { where, what, reason, severity: "error", keptLastGood: false };
}

function formatReport({ applied, problems }: ApplyReport, dryRun: boolean): string {
  const would = dryRun ? "would be " : "";
  const lines = applied.map(({ kind, name, outcome }) => {
    return `${titleOf(kind, name)} ${outcome === "unchanged" ? "" : would}${outcome}`;
  });
  const counts = OUTCOMES.map((outcome) => {
    return `${applied.filter((one) => one.outcome === outcome).length} ${outcome}`;
  });
  const refused = problems.filter(isError).length;
  const summary = `${counts.join(", ")}; ${plural(refused, "problem")}`;
  return `${[...lines, ...faultLines(problems), dryRun ? `${summary} (nothing was written)` : summary].join("\n")}\n`;
}

/** `causeway validate`: are these resources right? */
import { Command } from "commander";
import { type ValidationReport, validatePaths } from "../datastore/validate.ts";
import { EXIT, exitCodesText } from "./exit-codes.ts";
import { faultLines, isError } from "./fault-lines.ts";
import { print, printJson, withProgress } from "./output.ts";
import { plural } from "./text.ts";

const HELP = `
It reads what a file datastore would: every .yaml, .yml and .json below a directory.

Examples:    causeway validate /etc/causeway/cluster
             calicoctl get ippools -o yaml > pools.yaml; causeway validate pools.yaml
${exitCodesText("0 all is fine; 1 there are problems")}`;

export function validateCommand(): Command {
  const command = new Command("validate")
    .description("check resource files, without any agent or kernel")
    .argument("<path...>", "files or directories")
    .option("--json", "print the report as JSON")
    .addHelpText("after", HELP);
  return command.action(async (paths: string[]) => {
    const report = await withProgress("reading", validatePaths(paths));
    if (report.problems.some(isError)) process.exitCode = EXIT.no;
    if (command.opts()["json"]) printJson(report);
    else print(formatReport(report));
  });
}

function formatReport({ problems, files, fine }: ValidationReport): string {
  const lines = faultLines(problems);
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  const found = [plural(errors, "problem"), ...(warnings > 0 ? [plural(warnings, "warning")] : [])];
  const rest = `${plural(fine, "resource")} ${fine === 1 ? "is" : "are"} fine`;
  return `${[...lines, `${found.join(", ")} in ${plural(files, "file")}, ${rest}`].join("\n")}\n`;
}

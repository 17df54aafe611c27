/** `causeway validate`: are these resources right? */
import { Command } from "commander";
import { validatePaths } from "../datastore/validate.ts";
import { plural } from "./text.ts";

export function validateCommand(): Command {
  const command = new Command("validate")
    .description("check resource files, without any agent or kernel")
    .argument("<path...>", "files or directories")
    .option("--json", "print the report as JSON");
  return command.action(async (paths: string[]) => {
    const report = await validatePaths(paths);
    if (report.problems.length > 0) process.exitCode = 1;
    if (command.opts()["json"]) {
      process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
      return;
    }
    const width = Math.max(0, ...report.problems.map(({ where }) => where.length));
    for (const { where, what, field, reason } of report.problems) {
      const parts = [what, field === undefined ? reason : `${field} ${reason}`];
      process.stdout.write(`${where.padEnd(width)}  ${parts.filter(Boolean).join("  ")}\n`);
    }
    const { problems, files, fine } = report;
    process.stdout.write(
      `${plural(problems.length, "problem")} in ${plural(files, "file")}, ` +
        `${plural(fine, "resource")} ${fine === 1 ? "is" : "are"} fine\n`,
    );
  });
}

/** The command line. */
import { Command, type CommanderError } from "commander";
import { CausewayError } from "../errors.ts";
import { VERSION } from "../version.ts";
import { EXIT } from "./exit-codes.ts";
import { WIDTH } from "./text.ts";

const ABOUT = `An overlay dataplane for Linux nodes: VXLAN and IP-in-IP tunnels between the address blocks of a
cluster's nodes, kept exact in the kernel.`;

const MORE = `
Each command has a --help of its own.

Exit codes: ${EXIT.done} done; ${EXIT.no} a check failed, or the answer is no; ${EXIT.pending} there is something to do
(plan --exit-code); ${EXIT.usage} wrong usage; ${EXIT.failed} it could not be done.

Start here:  causeway demo`;

/** Ends the process at once; what is registered for its exit still runs. */
export type Exit = (code: number) => never;

type Load = (exit: Exit) => Promise<Command>;

/** In the order in which --help lists them. The modules of one that is not asked for are not loaded. */
const COMMANDS: Readonly<Record<string, Load>> = {
  run: async () => (await import("./run.ts")).runCommand(),
  status: async () => (await import("./status.ts")).statusCommand(),
  plan: async () => (await import("./plan.ts")).planCommand(),
  explain: async () => (await import("./explain.ts")).explainCommand(),
  show: async () => (await import("./show.ts")).showCommand(),
  validate: async () => (await import("./validate.ts")).validateCommand(),
  get: async () => (await import("./get.ts")).getCommand(),
  apply: async () => (await import("./apply.ts")).applyCommand(),
  edit: async () => (await import("./edit.ts")).editCommand(),
  delete: async () => (await import("./delete.ts")).deleteCommand(),
  migrate: async () => (await import("./migrate.ts")).migrateCommand(),
  resync: async () => (await import("./resync.ts")).resyncCommand(),
  cleanup: async () => (await import("./cleanup.ts")).cleanupCommand(),
  pod: async () => (await import("./pod.ts")).podCommand(),
  node: async () => (await import("./node.ts")).nodeCommand(),
  decode: async () => (await import("./decode.ts")).decodeCommand(),
  capture: async () => (await import("./capture.ts")).captureCommand(),
  encap: async () => (await import("./encap.ts")).encapCommand(),
  demo: async (exit) => (await import("./demo.ts")).demoCommand(exit),
};

/** @param args what is on the command line, to know which command is wanted. */
export async function createProgram(exit: Exit, args: readonly string[]): Promise<Command> {
  const program = new Command("causeway")
    .description(ABOUT)
    .version(VERSION, "--version", "print the version")
    .addHelpText("after", MORE)
    .helpCommand(false)
    .showSuggestionAfterError(true);
  const [wanted = ""] = args;
  const names = Object.hasOwn(COMMANDS, wanted) ? [wanted] : Object.keys(COMMANDS);
  for (const name of names) program.addCommand(await (COMMANDS[name] as Load)(exit));
  for (const command of [program, ...program.commands]) {
    command.configureHelp({ sortSubcommands: false, helpWidth: WIDTH });
    command.helpOption("-h, --help", "print this help");
    command.configureOutput({ outputError: () => undefined });
    command.exitOverride((error) => endOrRefuse(error, command, exit));
  }
  return program;
}

/** `--help` and `--version` end well; anything else is wrong usage, said in our own way. */
function endOrRefuse(error: CommanderError, command: Command, exit: Exit): never {
  if (error.exitCode === 0) exit(EXIT.done);
  if (error.code === "commander.help") {
    throw new CausewayError("bad-config", "no command", { hint: "causeway demo" });
  }
  const [what = "", suggestion] = error.message.split("\n");
  const near = /Did you mean (.+)\?/.exec(suggestion ?? "")?.[1];
  const name = command.parent ? `${command.name()}: ` : "";
  throw new CausewayError(
    "bad-config",
    `${name}${what.replace(/^error: /, "").replaceAll("'", '"')}`,
    { hint: near === undefined ? helpOf(command) : `did you mean ${near}?` },
  );
}

function helpOf(command: Command): string {
  return `causeway ${command.parent ? `${command.name()} ` : ""}--help`;
}

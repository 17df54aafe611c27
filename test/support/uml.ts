// Runs a compiled script in a User Mode Linux kernel: a real Linux kernel, with ipip, as a process of this machine.
// The guest sees this machine's files read-only, so Node, the checkout and node_modules are those of the host. It is
// slow at exec and at touching new memory, so a guest script is one long-lived process that runs many scenarios.

import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { exitWithParent } from "./orphan.ts";

const MODULES = "/usr/lib/uml/modules";
const RESULTS_PREFIX = "causeway-uml-";
/** Beside this file, or where it was compiled from: .cache/NAME/test/support. */
const here = fileURLToPath(
  new URL(
    import.meta.url.endsWith(".ts") ? "uml/" : "../../../../test/support/uml/",
    import.meta.url,
  ),
);

export interface UmlJob {
  /** A JavaScript file, and what it finds in process.argv. It writes its results into the folder `/run/results`. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly memory?: string;
  readonly timeoutMs?: number;
}

export interface UmlRun {
  /** What the script returned; undefined if the guest crashed or ran out of time. */
  readonly status: number | undefined;
  /** What the script printed. */
  readonly output: string;
  /** What the kernel and the boot printed: for the message of a failure. */
  readonly console: string;
  /** The content of a file that the script left in `/run/results`, or undefined. */
  readonly file: (name: string) => string | undefined;
}

/** Why no guest can run here, or undefined if one can. */
export function umlObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return "User Mode Linux is started as root here";
  if (!isCommand("linux.uml")) {
    return "linux.uml is missing: install the Debian package user-mode-linux";
  }
  if (!existsSync(MODULES)) return `${MODULES} is missing: install user-mode-linux`;
  // See uml/wide-registers.c.
  const isAmx = /\bamx_tile\b/.test(readFileSync("/proc/cpuinfo", "utf8"));
  if (isAmx && !(isCommand("cc") && existsSync("/usr/include/stdio.h"))) {
    return "on a processor with AMX a C compiler is needed: install gcc and libc6-dev";
  }
  return undefined;
}

function isCommand(name: string): boolean {
  const { PATH = "" } = process.env;
  return PATH.split(delimiter).some((path) => existsSync(join(path, name)));
}

/** Boots a guest, runs the job, ends the guest. Leaves nothing behind, also when this process is killed. */
export async function runInUml(job: UmlJob): Promise<UmlRun> {
  exitWithParent();
  const results = makeResultsFolder();
  const remove = (): void => rmSync(results, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    for (const name of ["init.sh", "wide-registers.c"]) {
      copyFileSync(join(here, name), join(results, name));
    }
    const words = [process.execPath, "--enable-source-maps", job.script, ...(job.args ?? [])];
    writeFileSync(join(results, "job.sh"), `exec ${words.map(quote).join(" ")}\n`);
    const console = await boot(results, job.memory ?? "1G", job.timeoutMs ?? 60_000);
    const files = new Map(
      readdirSync(results, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => [entry.name, readFileSync(join(results, entry.name), "utf8")]),
    );
    const status = files.get("status");
    return {
      status: status === undefined ? undefined : Number(status),
      output: files.get("output") ?? "",
      console,
      file: (name) => files.get(name),
    };
  } finally {
    process.off("exit", remove);
    remove();
  }
}

function boot(results: string, memory: string, timeoutMs: number): Promise<string> {
  // setpriv: dies with us. unshare: everything inside dies with it.
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"];
  const guest = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "unshare", ...namespaces].concat(
      "sh",
      join(here, "host.sh"),
      results,
      memory,
    ),
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  return new Promise((resolve, reject) => {
    let console = "";
    const timer = setTimeout(() => {
      console += `\nended after ${timeoutMs / 1000} s\n`;
      end(guest);
    }, timeoutMs);
    const hear = (chunk: Buffer): void => {
      console += chunk.toString("latin1");
      if (/^guest: done|Kernel panic/m.test(console)) end(guest);
    };
    guest.stdout.on("data", hear);
    guest.stderr.on("data", hear);
    guest.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    guest.on("close", () => {
      clearTimeout(timer);
      resolve(console);
    });
  });
}

/** Ends process 1 of the guest's namespace, and so all of it, and lets unshare collect what remains of it. */
function end(guest: ChildProcess): void {
  const children = readFileSync(`/proc/${guest.pid}/task/${guest.pid}/children`, "utf8");
  const first = Number.parseInt(children, 10);
  if (first > 0) process.kill(first, "SIGKILL");
  else guest.kill("SIGKILL");
}

/** The name holds our process id, so that a later run can remove what a killed one left. */
function makeResultsFolder(): string {
  const parent = tmpdir();
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(RESULTS_PREFIX)
      ? name.slice(RESULTS_PREFIX.length).split("-")[0]
      : "";
    if (pid && !existsSync(`/proc/${pid}`)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
  return mkdtempSync(join(parent, `${RESULTS_PREFIX}${process.pid}-`));
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

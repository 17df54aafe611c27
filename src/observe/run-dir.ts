/**
 * The agent's run dir: its control socket, its saved snapshot, and a lock that makes it the only
 * one there. The kernel drops the lock with the process, however that ends.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CausewayError, errnoOf, reasonOf } from "../errors.ts";
import { tryLock } from "../native/linux.ts";

/** `sun_path` of a Unix socket's address holds so many bytes, its end included. */
const SOCKET_PATH_SIZE = 108;

export function controlSocketPath(runDir: string): string {
  return join(resolve(runDir), "causeway.sock");
}

function lockPath(runDir: string): string {
  return join(resolve(runDir), "causeway.lock");
}

/** An agent's hold on its run dir. */
export class RunDir {
  readonly path: string;
  readonly #lock: number;

  private constructor(path: string, lock: number) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Makes the directory if needed (mode 0700) and takes its lock.
   * @throws CausewayError "agent" if another agent has it, or it cannot be used
   */
  static claim(runDir: string): RunDir {
    const path = resolve(runDir);
    const size = Buffer.byteLength(controlSocketPath(path)) + 1;
    if (size > SOCKET_PATH_SIZE) {
      const most = SOCKET_PATH_SIZE - 1;
      const what = `the path of its control socket is ${size - 1} bytes long, more than ${most}`;
      throw new CausewayError("bad-config", `--run-dir ${runDir}: ${what}`);
    }
    const lock = openLock(path);
    if (!tryLock(lock)) {
      closeSync(lock);
      const pid = lastPid(path);
      const who = pid === undefined ? "" : ` (pid ${pid})`;
      throw new CausewayError("agent", `another agent${who} runs with --run-dir ${path}`, {
        hint: "stop it, or give this one a --run-dir and a network namespace of its own",
      });
    }
    ftruncateSync(lock);
    writeSync(lock, `${process.pid}\n`, 0);
    return new RunDir(path, lock);
  }

  /** Gives the lock back; the files stay. */
  release(): void {
    closeSync(this.#lock);
  }
}

/** Of the agent that runs or ran last with the run dir, as far as that can be read. */
export function lastPid(runDir: string): number | undefined {
  try {
    const pid = Number(readFileSync(lockPath(runDir), "utf8"));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

/** Node's own `recursive` never returns where the kernel says ENOENT below a directory that is there. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  mkdirSync(path, { mode: 0o700 });
}

function openLock(path: string): number {
  try {
    makeDirectory(path);
    return openSync(lockPath(path), "a+", 0o600);
  } catch (error) {
    const code = errnoOf(error) ?? "";
    const reasons: Record<string, string> = {
      EEXIST: "it is not a directory",
      ENOTDIR: "it is not a directory, or below a file",
      EACCES: "not permitted",
      EROFS: "the file system is read-only",
      ENOENT: "it cannot be made there",
      ENOSPC: "no space is left",
    };
    const reason = reasons[code] ?? reasonOf(error);
    throw new CausewayError("agent", `cannot use --run-dir ${path}: ${reason}`, {
      cause: error,
      hint: "name a directory that this user may write to",
    });
  }
}

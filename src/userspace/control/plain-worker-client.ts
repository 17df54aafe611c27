/** The control plane's end of the process of the plain engine. */
import { type ChildProcess, spawn } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { type PlainReply, packPlan } from "../plain/plain-protocol.ts";
import { openerCommand } from "../plain/tun-opener.ts";
import type { SharedPlan } from "../worker/shared-plan.ts";
import type { DataWorker } from "./worker-keeper.ts";

export interface PlainWorkerOptions {
  readonly device: string;
  readonly netns: string | undefined;
  readonly onReply: (reply: Exclude<PlainReply, { kind: "died" }>) => void;
  /** The process ended by itself. */
  readonly onDeath: (reason: string) => void;
}

export class PlainWorkerClient implements DataWorker {
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isStopping = false;

  constructor({ device, netns, onReply, onDeath }: PlainWorkerOptions) {
    // The process's file is compiled if this one is.
    const extension = extname(fileURLToPath(import.meta.url));
    const file = fileURLToPath(new URL(`../plain/plain-worker${extension}`, import.meta.url));
    const opener = openerCommand(device, true, [process.execPath, file]);
    const [command, ...args] =
      netns === undefined ? opener : (["nsenter", `--net=${netns}`, ...opener] as const);
    this.#child = spawn(command, args, {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      serialization: "advanced",
    });
    let reason = "";
    this.#child.stderr?.on("data", (text) => {
      reason = `${reason}${text}`.slice(-2000);
    });
    this.#child.on("message", (reply: PlainReply) => {
      if (reply.kind === "died") reason = reply.reason;
      else onReply(reply);
    });
    this.#child.once("error", (error) => {
      reason = error.message;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code) => {
        if (!this.#isStopping) onDeath(reason.trim() || `the process ended with ${code}`);
        resolve();
      });
    });
  }

  adopt(plan: SharedPlan): void {
    if (this.#child.connected) this.#child.send(packPlan(plan), () => {});
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    this.#child.kill("SIGKILL");
    await this.#ended;
  }
}

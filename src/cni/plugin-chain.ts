/**
 * Runs the plugins of a conflist as a container runtime does (CNI specification 0.4.0, section
 * "Network Configuration Lists"): each gets its own part, what the one before came to, and the rest
 * in variables.
 */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { CausewayError } from "../errors.ts";
import type { Conflist, PluginConfig } from "./conflist.ts";

export interface CniTarget {
  /** Identifies the pod among all of this node. */
  readonly containerId: string;
  /** A file that stands for the pod's network namespace. */
  readonly netns: string;
  /** Name of the pod's end of its link. */
  readonly ifname: string;
}

export interface CniResult {
  readonly ips: readonly { readonly address: string; readonly gateway?: string }[];
  readonly [field: string]: unknown;
}

export class PluginChain {
  readonly #conflist: Conflist;
  readonly #directories: readonly string[];

  /** @param path directories of the plugins, with colons between them */
  constructor(conflist: Conflist, path: string) {
    this.#conflist = conflist;
    this.#directories = path.split(":").filter(Boolean);
  }

  /** Gives the pod its link and addresses; nothing of it is left where a plugin fails. */
  async add(target: CniTarget): Promise<CniResult> {
    let result: CniResult | undefined;
    try {
      for (const plugin of this.#conflist.plugins) {
        result = (await this.#run("ADD", plugin, target, result)) as CniResult;
      }
    } catch (error) {
      await this.delete(target, result).catch(() => undefined);
      throw error;
    }
    return result ?? { ips: [] };
  }

  /** Takes both away again; it is no error where that was done already. */
  async delete(target: CniTarget, result: CniResult | undefined): Promise<void> {
    for (const plugin of [...this.#conflist.plugins].reverse()) {
      await this.#run("DEL", plugin, target, result);
    }
  }

  async #run(
    command: "ADD" | "DEL",
    plugin: PluginConfig,
    { containerId, netns, ifname }: CniTarget,
    prevResult: CniResult | undefined,
  ): Promise<unknown> {
    const { cniVersion, name } = this.#conflist;
    const { capabilities: _, ...own } = plugin;
    const input = JSON.stringify({ cniVersion, name, ...own, prevResult });
    const env = {
      PATH: process.env["PATH"] ?? "",
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_PATH: this.#directories.join(":"),
    };
    const doing = `${plugin.type} ${command} for ${containerId}`;
    const output = await call(this.#find(plugin.type), input, env, doing);
    if (command === "DEL" || output.trim() === "") return undefined;
    return parse(output, doing);
  }

  #find(type: string): string {
    for (const directory of this.#directories) {
      const path = join(directory, type);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // It may be in the next one.
      }
    }
    const where = this.#directories.join(", ");
    const hint = "install containernetworking-plugins, or name their directory with --cni-path";
    throw new CausewayError("bad-config", `no CNI plugin ${type} in ${where}`, { hint });
  }
}

/** Milliseconds; duplicate address detection alone takes two seconds. */
const PATIENCE = 60_000;

function call(
  path: string,
  input: string,
  env: Record<string, string>,
  doing: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(path, { env, timeout: PATIENCE }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else {
        const reason = messageOf(stdout) ?? (stderr.trim() || error.message);
        reject(new CausewayError("kernel", `${doing}: ${reason}`, { cause: error }));
      }
    });
    child.stdin?.on("error", () => {});
    child.stdin?.end(input);
  });
}

/** A plugin that fails says why on its standard output. */
function messageOf(output: string): string | undefined {
  try {
    const { msg, details } = JSON.parse(output) as { msg?: string; details?: string };
    return [msg, details].filter(Boolean).join(": ") || undefined;
  } catch {
    return undefined;
  }
}

function parse(output: string, doing: string): unknown {
  try {
    return JSON.parse(output);
  } catch (error) {
    throw new CausewayError("kernel", `${doing}: its answer is no JSON`, { cause: error });
  }
}

/** A node that is called by its host's name follows when the host gets another one. */
import { hostname } from "node:os";
import type { LoadedConfig } from "../config/load-config.ts";

/** Milliseconds: nothing tells of a new name. */
const LOOK = 5_000;

/** What a host is called while it has no name of its own yet, or has lost it. */
const NO_NAME = /^(?:localhost(?:\..*)?|\(none\))?$/;

/** Calls back when the name is another one, and has been for a moment; not where the name was set. */
export function watchHostName(
  { config, sources }: LoadedConfig,
  signal: AbortSignal,
  onRenamed: (name: string) => void,
): void {
  if (sources.get("node")?.source !== "default") return;
  let seen = config.node;
  const timer = setInterval(() => {
    const name = hostname();
    if (name !== config.node && name === seen && !NO_NAME.test(name)) onRenamed(name);
    seen = name;
  }, LOOK);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer));
}

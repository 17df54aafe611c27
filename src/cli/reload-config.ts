/** SIGHUP: the configuration is read again, and what a running agent can take in is in force at once. */
import type { Agent } from "../agent.ts";
import type { LoadedConfig } from "../config/load-config.ts";
import type { Setting } from "../config/setting.ts";
import { formatValue } from "../config/setting-value.ts";
import { SETTINGS } from "../config/settings.ts";
import { reasonOf } from "../errors.ts";
import type { Logger } from "../observe/log.ts";
import type { Systemd } from "../observe/systemd.ts";

export interface ReloadParts {
  readonly load: () => LoadedConfig;
  /** What is in force at first. */
  readonly loaded: LoadedConfig;
  readonly agent: Pick<Agent, "reconfigure">;
  readonly log: Logger;
  readonly systemd: Pick<Systemd, "reloading">;
}

/** The signal's handler. A configuration with a fault changes nothing, and the log says why. */
export function reloadConfig({ load, loaded, agent, log, systemd }: ReloadParts): () => void {
  const atStart = loaded;
  let inForce = loaded;
  return () => {
    systemd.reloading();
    log.info("SIGHUP: everything is read again");
    try {
      const next = load();
      tellChanges(inForce, next, atStart, log);
      inForce = next;
    } catch (error) {
      log.error(
        { reason: reasonOf(error) },
        "configuration refused; the one before stays in force",
      );
    }
    log.level = inForce.config.logLevel;
    agent.reconfigure(inForce.config);
  };
}

function tellChanges(
  before: LoadedConfig,
  next: LoadedConfig,
  atStart: LoadedConfig,
  log: Logger,
): void {
  for (const setting of SETTINGS) {
    const { name, needsRestart } = setting;
    const [old, now] = [textOf(setting, needsRestart ? atStart : before), textOf(setting, next)];
    if (old === now) continue;
    const source = next.sources.get(name)?.source ?? "not set any more";
    const change = { setting: name, before: old, now, source };
    if (needsRestart) log.warn(change, "this setting takes effect when the agent is restarted");
    else log.info(change, "this setting is in force now");
  }
}

function textOf(setting: Setting, { sources }: LoadedConfig): string {
  const given = sources.get(setting.name);
  return given === undefined ? "" : formatValue(setting, given.value);
}

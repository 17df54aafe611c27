/** Flags of the settings table on a command, and the configuration they give. */
import type { Command } from "commander";
import { type LoadedConfig, loadConfig } from "../config/load-config.ts";
import { SETTINGS, variableName } from "../config/settings.ts";

/** Adds the flags of the named settings (all without `names`) and `--config`. */
export function addSettingFlags(command: Command, names?: readonly string[]): Command {
  for (const setting of SETTINGS) {
    if (setting.flag === undefined || (names && !names.includes(setting.name))) continue;
    command.option(setting.flag, `${setting.help} [${variableName(setting)}]`);
  }
  return command.option("--config <file>", "YAML file with the same settings");
}

/**
 * The configuration from the command's flags, the environment and the file.
 * @throws CausewayError "bad-config"
 */
export function configOf(command: Command, required: readonly string[]): LoadedConfig {
  const options = command.opts<Record<string, unknown>>();
  const flags: Record<string, unknown> = {};
  for (const { name } of SETTINGS) {
    // Commander gives "--no-take-over" the value true when it is absent; only what was typed counts.
    if (command.getOptionValueSource(name) === "cli") flags[name] = options[name];
  }
  const configFile = options["config"] as string | undefined;
  return loadConfig(
    { flags, env: process.env, configFile: configFile ?? process.env["CAUSEWAY_CONFIG"] },
    required,
  );
}

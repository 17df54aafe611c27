/** Flags of the settings table on a command, and the configuration they give. */
import { type Command, Option } from "commander";
import { type LoadedConfig, loadConfig } from "../config/load-config.ts";
import type { Setting } from "../config/setting.ts";
import { CONFIG_VARIABLE, SETTINGS, variableName } from "../config/settings.ts";

/**
 * Adds `--config` and the flags of the settings, all or the named ones. `hidden` are taken and not
 * listed, so that a command line can be turned into another command's by changing one word.
 */
export function addSettingFlags(
  command: Command,
  names?: readonly string[],
  hidden: readonly string[] = [],
): Command {
  for (const setting of SETTINGS) {
    const { name, flag, help } = setting;
    if (flag === undefined || (names && !names.includes(name))) continue;
    const option = new Option(flag, `${help} [${variableHint(setting)}]`);
    command.addOption(option.hideHelp(hidden.includes(name)));
    if (setting.hasOffFlag) command.addOption(offFlag(setting, hidden.includes(name)));
  }
  return command.option("--config <file>", `YAML file with the same settings [${CONFIG_VARIABLE}]`);
}

function offFlag({ flag = "" }: Setting, isHidden: boolean): Option {
  const option = new Option(flag.replace(/^--/, "--no-"), "leave all of that to others");
  return option.hideHelp(isHidden);
}

/** A flag without a value; its variable needs one. */
function variableHint(setting: Setting): string {
  if (setting.type !== "boolean") return variableName(setting);
  return `${variableName(setting)}=${!setting.flag?.startsWith("--no-")}`;
}

/** Of a command that needs only the agent's run dir; other settings may be as wrong as they like. */
export function runDirOf(command: Command): string {
  return configOf(command, [], ["runDir"]).config.runDir;
}

/**
 * The configuration from the command's flags, the environment and the file.
 * @throws CausewayError "bad-config"
 */
export function configOf(
  command: Command,
  required: readonly string[],
  names?: readonly string[],
): LoadedConfig {
  const options = command.opts<Record<string, unknown>>();
  const flags: Record<string, unknown> = {};
  for (const { name } of SETTINGS) {
    // Commander gives "--no-take-over" the value true when it is absent; only what was typed counts.
    if (command.getOptionValueSource(name) === "cli") flags[name] = options[name];
  }
  const given = options["config"] as string | undefined;
  const configFile = given ?? (process.env[CONFIG_VARIABLE] || undefined);
  const inputs = { flags, env: process.env, configFile };
  return loadConfig(names === undefined ? inputs : { ...inputs, names }, required);
}

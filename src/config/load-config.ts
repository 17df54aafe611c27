/** Flags, variables and the configuration file -> Config, or every fault at once. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import type { OverlaySettings } from "../../tunnels/model/overlay-settings.ts";
import { CausewayError, reasonOf } from "../errors.ts";
import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";
import {
  type Config,
  SETTINGS,
  type Setting,
  type SettingValue,
  variableName,
} from "./settings.ts";

/** Where a value came from, in the words of `--print-config`. */
export interface SourcedValue {
  readonly value: SettingValue;
  readonly source: string;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Every setting that has a value here; what is absent is left to the datastore. */
  readonly sources: ReadonlyMap<string, SourcedValue>;
}

interface Inputs {
  /** Parsed flags by setting name; undefined for those not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFile: string | undefined;
}

/**
 * Precedence: flag, variable, file, (FelixConfiguration,) default.
 * @param required settings without which the command cannot work
 * @throws CausewayError "bad-config" that lists every fault
 */
export function loadConfig(inputs: Inputs, required: readonly string[]): LoadedConfig {
  const faults: string[] = [];
  const file = inputs.configFile === undefined ? {} : readConfigFile(inputs.configFile, faults);
  const sources = new Map<string, SourcedValue>();
  for (const setting of SETTINGS) {
    const variable = variableName(setting);
    const flagName = setting.flag?.split(" ")[0] ?? setting.name;
    const candidates: [unknown, string][] = [
      [inputs.flags[setting.name], flagName],
      [inputs.env[variable] || undefined, variable],
      [file[setting.name], `${inputs.configFile}`],
    ];
    const given = candidates.find(([raw]) => raw !== undefined);
    if (given !== undefined) {
      const result = readValue(setting, given[0]);
      if ("fault" in result) faults.push(`${given[1]} "${given[0]}": ${result.fault}`);
      else sources.set(setting.name, { value: result.value, source: given[1] });
    } else if (setting.fallback) {
      sources.set(setting.name, { value: setting.fallback(), source: "default" });
    } else if (required.includes(setting.name)) {
      faults.push(`${flagName} is missing; give it, or set ${variable} (${setting.help})`);
    }
  }
  if (faults.length > 0) throw new CausewayError("bad-config", faults.join("\n"));
  return { config: toConfig(sources), sources };
}

function toConfig(sources: ReadonlyMap<string, SourcedValue>): Config {
  const value = (name: string): unknown => sources.get(name)?.value;
  const overlay: Record<string, unknown> = {};
  for (const { name, overlay: member } of SETTINGS) {
    if (member !== undefined && sources.has(name)) overlay[member] = value(name);
  }
  return {
    node: value("node") as string,
    datastore: (value("datastore") as string | undefined) ?? "",
    runDir: value("runDir") as string,
    logLevel: value("logLevel") as Config["logLevel"],
    takeOver: value("takeOver") as boolean,
    measureLoop: value("measureLoop") as boolean,
    overlay: overlay as OverlaySettings,
  };
}

function readConfigFile(path: string, faults: string[]): Record<string, unknown> {
  let content: unknown;
  try {
    content = parse(readFileSync(path, "utf8")) ?? {};
  } catch (error) {
    throw new CausewayError("bad-config", `cannot read --config ${path}: ${reasonOf(error)}`, {
      cause: error,
    });
  }
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new CausewayError("bad-config", `--config ${path}: not a mapping of settings`);
  }
  const names = SETTINGS.map(({ name }) => name);
  for (const key of Object.keys(content as object)) {
    if (names.includes(key)) continue;
    const near = nearest(key, names);
    faults.push(`${path}: "${key}": no such setting${near ? `; did you mean ${near}?` : ""}`);
  }
  return content as Record<string, unknown>;
}

type ReadResult = { readonly value: SettingValue } | { readonly fault: string };

function readValue(setting: Setting, raw: unknown): ReadResult {
  switch (setting.type) {
    case "text":
      return typeof raw === "string" && raw !== "" ? { value: raw } : { fault: "must be a text" };
    case "boolean":
      if (raw === true || raw === "true") return { value: true };
      if (raw === false || raw === "false") return { value: false };
      return { fault: "must be true or false" };
    case "integer": {
      const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
      const [low, high] = setting.range ?? [0, Number.MAX_SAFE_INTEGER];
      if (typeof value === "number" && Number.isInteger(value) && value >= low && value <= high) {
        return { value };
      }
      return { fault: `must be a whole number from ${low} to ${high}` };
    }
    case "duration": {
      const value = parseDuration(String(raw));
      if (value !== undefined) return { value };
      return { fault: 'must be a time such as "90s", "500ms" or "2m"' };
    }
    case "level":
      if (["debug", "info", "warn", "error"].includes(raw as string)) return { value: String(raw) };
      return { fault: "must be debug, info, warn or error" };
  }
}

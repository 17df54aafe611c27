/** Flags, variables and the configuration file -> Config, or every fault at once. */

import type { AddressWish } from "../../tunnels/ipam/node-address.ts";
import type { BlockOrigin } from "../../tunnels/model/block-origin.ts";
import type { Dataplane } from "../../tunnels/model/dataplane.ts";
import type { OverlaySettings } from "../../tunnels/model/overlay-settings.ts";
import { CausewayError } from "../errors.ts";
import { type PlacedValue, readConfigFile } from "./config-file.ts";
import type { EtcdSettings } from "./etcd-settings.ts";
import { nearest } from "./nearest.ts";
import type { Setting, SettingValue } from "./setting.ts";
import { parseAddresses, parseCidrs, parsePattern, readValue } from "./setting-value.ts";
import {
  CONFIG_VARIABLE,
  type Config,
  SETTINGS,
  VARIABLE_PREFIX,
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

export interface ConfigInputs {
  /** Parsed flags by setting name; undefined for those not given. */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly configFile: string | undefined;
  /** The settings that the command has a use for; nothing is said about others. All by default. */
  readonly names?: readonly string[];
}

/**
 * Precedence: flag, variable, file, (FelixConfiguration,) default.
 * @param required settings without which the command cannot work
 * @throws CausewayError "bad-config" that lists every fault
 */
export function loadConfig(inputs: ConfigInputs, required: readonly string[]): LoadedConfig {
  const { configFile, names } = inputs;
  const file = configFile === undefined ? new Map() : readConfigFile(configFile);
  const faults = names === undefined ? [...unknownNames(inputs, file)] : [];
  const sources = new Map<string, SourcedValue>();
  for (const setting of SETTINGS) {
    if (names !== undefined && !names.includes(setting.name)) continue;
    const given = givenValue(setting, inputs, file);
    if (given !== undefined) {
      const result = readValue(setting, given.raw);
      const shown = setting.isSecret ? "" : ` "${given.raw}"`;
      if ("fault" in result) faults.push(`${given.where}${shown}: ${result.fault}`);
      else sources.set(setting.name, { value: result.value, source: given.source });
    } else if (setting.fallback) {
      sources.set(setting.name, { value: setting.fallback(), source: "default" });
    } else if (required.includes(setting.name)) {
      faults.push(missing(setting));
    }
  }
  if (faults.length > 0) throw new CausewayError("bad-config", faults.join("\n"));
  return { config: toConfig(sources), sources };
}

interface Given {
  readonly raw: unknown;
  readonly source: string;
  /** The source with the place and the name of the setting in it. */
  readonly where: string;
}

function givenValue(
  setting: Setting,
  { flags, env, configFile }: ConfigInputs,
  file: ReadonlyMap<string, PlacedValue>,
): Given | undefined {
  const { name } = setting;
  if (flags[name] !== undefined) {
    return { raw: flags[name], source: flagName(setting), where: flagName(setting) };
  }
  const variable = variableName(setting);
  if (env[variable]) return { raw: env[variable], source: variable, where: variable };
  const placed = file.get(name);
  if (placed === undefined) return undefined;
  return { raw: placed.value, source: `${configFile}`, where: `${placed.place}: ${name}` };
}

function flagName({ name, flag }: Setting): string {
  return flag?.split(" ")[0] ?? name;
}

function missing(setting: Setting): string {
  const flag = setting.flag?.replaceAll(/[<>]/g, "");
  return `no ${setting.name}: give ${flag}, or set ${variableName(setting)}`;
}

/** What looks like a setting and is none: refused, or a misspelt one would count for nothing. */
function* unknownNames(
  { env }: ConfigInputs,
  file: ReadonlyMap<string, PlacedValue>,
): Generator<string> {
  const names = SETTINGS.map(({ name }) => name);
  for (const [key, { place }] of file) {
    if (names.includes(key)) continue;
    const near = nearest(key, names);
    const hint =
      near === undefined ? `the settings are ${names.join(", ")}` : `did you mean ${near}?`;
    yield `${place}: ${key}: no such setting; ${hint}`;
  }
  const known = [CONFIG_VARIABLE, ...SETTINGS.map(variableName)].map(withoutPrefix);
  for (const variable of Object.keys(env)) {
    if (!variable.startsWith(VARIABLE_PREFIX)) continue;
    const near = nearest(withoutPrefix(variable), known);
    // Variables of that prefix may be somebody else's: Kubernetes makes some for each service.
    if (near === undefined || near === withoutPrefix(variable)) continue;
    yield `${variable}: no such variable; did you mean ${VARIABLE_PREFIX}${near}?`;
  }
}

function withoutPrefix(variable: string): string {
  return variable.slice(VARIABLE_PREFIX.length);
}

function toConfig(sources: ReadonlyMap<string, SourcedValue>): Config {
  const value = (name: string): unknown => sources.get(name)?.value;
  const overlay: Record<string, unknown> = {};
  const overlaySources: Record<string, string> = {};
  for (const { name, overlay: member } of SETTINGS) {
    const given = sources.get(name);
    if (member === undefined || given === undefined) continue;
    overlay[member] = given.value;
    overlaySources[member] = given.source;
  }
  return {
    node: value("node") as string,
    datastore: (value("datastore") as string | undefined) ?? "",
    kubeconfig: value("kubeconfig") as string | undefined,
    kubeContext: value("kubeContext") as string | undefined,
    blocks: value("blocks") as BlockOrigin,
    register: value("register") as boolean | undefined,
    nodeAddress: addressWish((name) => value(name) as string | undefined),
    etcd: etcdSettings(sources),
    flannelConfig: value("flannelConfig") as string | undefined,
    subnetFile: value("subnetFile") as string,
    cniDir: value("cniDir") as string | undefined,
    cniPath: value("cniPath") as string,
    runDir: value("runDir") as string,
    logLevel: value("logLevel") as Config["logLevel"],
    dataplane: value("dataplane") as Dataplane,
    takeOver: value("takeOver") as boolean,
    measureLoop: value("measureLoop") as boolean,
    overlay: overlay as OverlaySettings,
    overlaySources,
  };
}

function addressWish(text: (name: string) => string | undefined): AddressWish {
  const addresses = text("nodeAddress");
  const interfaces = text("nodeInterface");
  const reaches = text("nodeReaches");
  const cidrs = text("nodeCidr");
  return {
    ...(addresses !== undefined && { addresses: parseAddresses(addresses) }),
    ...(interfaces !== undefined && { interfaces: parsePattern(interfaces) }),
    ...(reaches !== undefined && { reaches }),
    ...(cidrs !== undefined && { cidrs: parseCidrs(cidrs) }),
  };
}

function etcdSettings(sources: ReadonlyMap<string, SourcedValue>): EtcdSettings {
  const given = [...sources].filter(([name]) => name.startsWith("etcd"));
  return Object.fromEntries(given.map(([name, { value }]) => [name, value]));
}

/**
 * `run --print-config`: every setting, its value and where that came from. What it prints is a
 * configuration file itself.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { KERNEL_CARRIES } from "../../tunnels/desired/carrier.ts";
import { Overlay } from "../../tunnels/desired/overlay.ts";
import type { EffectiveSettings } from "../../tunnels/desired/settings.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { LoadedConfig } from "../config/load-config.ts";
import type { Setting, SettingValue } from "../config/setting.ts";
import { formatValue } from "../config/setting-value.ts";
import { type Config, SETTINGS } from "../config/settings.ts";
import { openDatastore } from "../datastore/open.ts";
import { networkStyle } from "../network-style.ts";
import { print, printJson } from "./output.ts";
import { columns } from "./text.ts";

/** Milliseconds to wait for the datastore, whose FelixConfigurations count too. */
const PATIENCE = 10_000;

interface PrintedSetting {
  readonly name: string;
  readonly value: SettingValue | null;
  readonly source: string;
}

export async function printConfig(loaded: LoadedConfig, json: boolean): Promise<void> {
  const { settings, unread } = await settingsWithDatastore(loaded.config);
  const rows = SETTINGS.map((setting) => printed(setting, loaded, settings));
  if (json) {
    printJson({ settings: rows, datastore: unread === undefined ? "read" : `not read: ${unread}` });
    return;
  }
  const lines = SETTINGS.map((setting, at) => {
    const { value, source } = rows[at] as PrintedSetting;
    const text =
      value === null ? `# ${setting.name}:` : `${setting.name}: ${quoted(setting, value)}`;
    return [text, ` # ${source}`];
  });
  const heading = "# strongest first: flag, variable, file, FelixConfiguration, default\n";
  const warning = unread === undefined ? "" : `# no FelixConfiguration is counted in: ${unread}\n`;
  print(`${heading}${warning}${columns(lines)}`);
}

function printed(
  { name, overlay, otherwise, isSecret }: Setting,
  { sources }: LoadedConfig,
  settings: EffectiveSettings,
): PrintedSetting {
  const given = sources.get(name);
  if (given !== undefined && isSecret) {
    return { name, value: null, source: `${given.source}, not shown` };
  }
  if (given !== undefined) return { name, ...given };
  const found = overlay && settings[overlay];
  if (found?.value === undefined) {
    return { name, value: null, source: otherwise ? `not set: ${otherwise}` : "not set" };
  }
  return { name, value: found.value, source: found.source };
}

/** A text that YAML would take for something else is quoted. */
function quoted(setting: Setting, value: SettingValue): string {
  const text = formatValue(setting, value);
  if (setting.type !== "text" || /^[A-Za-z/][\w./:@-]*\w$/.test(text)) return text;
  return JSON.stringify(text);
}

/** What holds with the datastore's own settings, or why they could not be read. */
async function settingsWithDatastore(
  config: Config,
): Promise<{ settings: EffectiveSettings; unread: string | undefined }> {
  const overlay = new Overlay({
    node: config.node,
    paths: new PathTable(),
    nexthopObjects: true,
    carriers: KERNEL_CARRIES,
    ipv6: true,
    ...networkStyle(config),
  });
  overlay.setSettings(config.overlay, config.overlaySources);
  if (config.datastore === "") return { settings: overlay.settings, unread: "no datastore is set" };
  const stop = new AbortController();
  const datastore = await openDatastore(config);
  let unread: string | undefined = "it does not answer";
  const reading = (async () => {
    for await (const batch of datastore.watch(stop.signal)) {
      overlay.change(batch.changes);
      if (batch.inSync) {
        unread = undefined;
        return;
      }
      if (batch.condition.state !== "ok") unread = batch.condition.reason;
      if (batch.condition.state !== "starting") return;
    }
  })();
  await Promise.race([reading, sleep(PATIENCE, undefined, { signal: stop.signal, ref: false })]);
  stop.abort();
  return { settings: overlay.settings, unread };
}

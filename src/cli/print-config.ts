/** `--print-config`: every setting, its value and where that came from. */
import { setTimeout as sleep } from "node:timers/promises";
import { Overlay } from "../../tunnels/desired/overlay.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import type { LoadedConfig } from "../config/load-config.ts";
import { SETTINGS } from "../config/settings.ts";
import { openDatastore } from "../datastore/open.ts";
import { columns } from "./text.ts";

/** Milliseconds to wait for the datastore, whose FelixConfigurations count too. */
const PATIENCE = 5_000;

export async function printConfig({ config, sources }: LoadedConfig): Promise<void> {
  const overlay = new Overlay({
    node: config.node,
    paths: new PathTable(),
    nexthopObjects: true,
    encaps: { vxlan: "", ipip: "" },
    ipv6: true,
  });
  overlay.setSettings(config.overlay);
  const stop = new AbortController();
  const reading = (async () => {
    for await (const batch of openDatastore(config.datastore, {}).watch(stop.signal)) {
      overlay.change(batch.changes);
      if (batch.inSync) return;
    }
  })();
  await Promise.race([reading, sleep(PATIENCE, undefined, { signal: stop.signal, ref: false })]);
  stop.abort();
  const rows = SETTINGS.map(({ name, overlay: member }) => {
    const here = sources.get(name);
    if (here) return [name, String(here.value), here.source];
    const there = member === undefined ? undefined : overlay.settings[member];
    return [name, there === undefined ? "" : String(there.value ?? ""), there?.source ?? "not set"];
  });
  process.stdout.write(columns(rows));
}

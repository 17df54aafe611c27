/** `--print-config`: every setting, its value and where that came from. */
import type { LoadedConfig } from "../config/load-config.ts";
import { SETTINGS } from "../config/settings.ts";
import { columns } from "./text.ts";

export function printConfig({ sources }: LoadedConfig, overlay: Overrides): void {
  const rows = SETTINGS.map(({ name, overlay: member }) => {
    const here = sources.get(name);
    if (here) return [name, String(here.value), here.source];
    const there = member === undefined ? undefined : overlay[member];
    return [name, there === undefined ? "" : String(there.value ?? ""), there?.source ?? "not set"];
  });
  process.stdout.write(columns(rows));
}

/** The settings in force in the overlay, with the FelixConfigurations of the datastore. */
type Overrides = Readonly<Record<string, { readonly value: unknown; readonly source: string }>>;

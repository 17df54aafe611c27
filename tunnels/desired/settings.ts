/** The settings in force and where each came from: built in < `default` < `node.NAME` < override. */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { OverlaySettings } from "../model/overlay-settings.ts";

export interface SettingValues {
  /** Undefined: where a pool asks for it. */
  readonly vxlanEnabled: boolean | undefined;
  readonly ipipEnabled: boolean | undefined;
  readonly vxlanVni: number;
  readonly vxlanPort: number;
  /** 0: from the parent device. */
  readonly vxlanMtu: number;
  readonly vxlanMtu6: number;
  readonly ipipMtu: number;
  /** Undefined: the kernel picks the source, the tunnel address as a rule. */
  readonly routeSource: IpAddress | undefined;
  readonly routeSource6: IpAddress | undefined;
  readonly routeRefreshInterval: number;
}

/** "default", "FelixConfiguration default", "FelixConfiguration node.NAME", or an override's own. */
export type SettingSource = string;

/** Where single settings come from, for a layer put together from several sources. */
export type SettingSources = { readonly [Name in keyof OverlaySettings]?: SettingSource };

export interface SettingsLayer {
  readonly source: SettingSource;
  readonly settings: OverlaySettings | undefined;
  /** Stronger than `source`. */
  readonly sources?: SettingSources;
}

export interface Setting<T> {
  readonly value: T;
  readonly source: SettingSource;
}

export type EffectiveSettings = {
  readonly [Name in keyof SettingValues]: Setting<SettingValues[Name]>;
};

const BUILT_IN: SettingValues = {
  vxlanEnabled: undefined,
  ipipEnabled: undefined,
  vxlanVni: 4096,
  vxlanPort: 4789,
  vxlanMtu: 0,
  vxlanMtu6: 0,
  ipipMtu: 0,
  routeSource: undefined,
  routeSource6: undefined,
  routeRefreshInterval: 90_000,
};

/** `layers`: weakest first. */
export function effectiveSettings(layers: readonly SettingsLayer[]): EffectiveSettings {
  const effective: Record<string, Setting<unknown>> = {};
  for (const [name, value] of Object.entries(BUILT_IN)) {
    effective[name] = { value, source: "default" };
  }
  for (const { source, settings, sources } of layers) {
    for (const name of Object.keys(BUILT_IN) as (keyof OverlaySettings)[]) {
      const value = settings?.[name];
      if (value !== undefined) effective[name] = { value, source: sources?.[name] ?? source };
    }
  }
  return effective as unknown as EffectiveSettings;
}

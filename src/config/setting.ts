/** What a row of the settings table says of its setting. */
import type { IpAddress } from "../../encap/address/ip-address.ts";
import type { OverlaySettings } from "../../tunnels/model/overlay-settings.ts";

/** Durations are milliseconds. */
export type SettingValue = string | number | boolean | IpAddress;

export interface Setting {
  /** Key in the configuration file; the variable is CAUSEWAY_ and this in upper case. */
  readonly name: string;
  /** Flag with its placeholder, as commander takes it; absent for what is rarely touched. */
  readonly flag?: string;
  /** Has a `--no-` twin: without either flag nothing is said. */
  readonly hasOffFlag?: true;
  readonly help: string;
  readonly type:
    | "text"
    | "integer"
    | "boolean"
    | "duration"
    | "choice"
    | "IPv4"
    | "IPv6"
    | "addresses"
    | "cidrs"
    | "pattern";
  /** What a choice can be. */
  readonly choices?: readonly string[];
  readonly range?: readonly [number, number];
  readonly fallback?: () => SettingValue;
  /** The member of OverlaySettings it overrides; the FelixConfiguration's value is next in line. */
  readonly overlay?: keyof OverlaySettings;
  /** What holds where nobody says anything, for settings without a value of their own. */
  readonly otherwise?: string;
  /** The value is shown nowhere. */
  readonly isSecret?: true;
  /** A running agent does not take a new value in. */
  readonly needsRestart?: true;
}

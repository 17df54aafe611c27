/** The MTU of a tunnel device: what the parent leaves, or less where a setting says so. */
import {
  encapOverhead,
  type TunnelMtu,
  tunnelMtu,
  type UnderlayMtu,
} from "../../encap/encap-mode.ts";
import type { Problem } from "./problem.ts";
import type { EffectiveSettings, SettingValues } from "./settings.ts";
import type { TunnelKind, TunnelRole } from "./tunnel-role.ts";

/** RFC 791 and RFC 8200: below these a link cannot carry the protocol, and the kernel refuses. */
const LEAST: { readonly 4: number; readonly 6: number } = { 4: 68, 6: 1280 };

const SETTING: Record<TunnelRole, "vxlanMtu" | "vxlanMtu6" | ("ipipMtu" & keyof SettingValues)> = {
  vxlan: "vxlanMtu",
  vxlan6: "vxlanMtu6",
  ipip: "ipipMtu",
};

/** Undefined where the parent leaves too little; `problem` also where the setting cannot be met. */
export function fitMtu(
  kind: TunnelKind,
  device: string,
  parent: UnderlayMtu,
  settings: EffectiveSettings,
): { mtu: TunnelMtu | undefined; problem?: Problem } {
  const most = tunnelMtu(parent, kind.encap, kind.family);
  const least = LEAST[kind.family];
  const subject = `device ${device}`;
  const overhead = encapOverhead(kind.encap, kind.family);
  if (most < least) {
    const reason =
      `the parent's MTU of ${parent} leaves ${most} after ${overhead} bytes of headers; ` +
      `IPv${kind.family} needs ${least}`;
    const hint = `raise the parent's MTU to ${least + overhead} or more`;
    return { mtu: undefined, problem: { subject, reason, hint, severity: "error" } };
  }
  const name = SETTING[kind.role];
  const { value, source } = settings[name];
  if (value === 0) return { mtu: most };
  const mtu = Math.min(Math.max(value, least), most) as TunnelMtu;
  if (mtu === value) return { mtu };
  const limit =
    value > most
      ? `more than the parent's ${parent} leaves after ${overhead} bytes of headers`
      : `less than IPv${kind.family} needs`;
  const reason = `${name} ${value} (${source}) is ${limit}; ${mtu} is used`;
  const hint = `set it to 0, or to ${least} to ${most}`;
  return { mtu, problem: { subject, reason, hint, severity: "warning" } };
}

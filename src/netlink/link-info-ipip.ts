/** IFLA_INFO_DATA of ipip devices (include/uapi/linux/if_tunnel.h; net/ipv4/ipip.c). */
import { IpAddress } from "../../encap/address/ip-address.ts";
import type { IpipParameters } from "../../tunnels/kernel/kernel-state.ts";
import type { Attributes } from "./attribute.ts";
import type { DeviceTable } from "./device-table.ts";
import type { MessageWriter } from "./message-writer.ts";

const IFLA_IPTUN_LINK = 1;
const IFLA_IPTUN_LOCAL = 2;
const IFLA_IPTUN_REMOTE = 3;
const IFLA_IPTUN_TTL = 4;
const IFLA_IPTUN_TOS = 5;
const IFLA_IPTUN_PROTO = 9;
const IFLA_IPTUN_PMTUDISC = 10;
const IFLA_IPTUN_COLLECT_METADATA = 19;

const ANY = new IpAddress(4, 0);

/**
 * Writes all parameters, also for a change: the kernel takes what a change leaves out for zero
 * (`ipip_netlink_parms` starts from an empty structure).
 */
export function writeIpipInfo(
  writer: MessageWriter,
  ipip: IpipParameters,
  parentIndex: number,
): void {
  writer.u32(IFLA_IPTUN_LINK, ipip.parent === undefined ? 0 : parentIndex);
  writer.ip(IFLA_IPTUN_LOCAL, ipip.local ?? ANY);
  writer.ip(IFLA_IPTUN_REMOTE, ipip.remote ?? ANY);
  writer.u8(IFLA_IPTUN_TTL, ipip.ttl);
  writer.u8(IFLA_IPTUN_TOS, ipip.tos);
  writer.u8(IFLA_IPTUN_PROTO, ipip.protocol);
  writer.u8(IFLA_IPTUN_PMTUDISC, Number(ipip.pmtuDiscovery));
  if (ipip.external) writer.flag(IFLA_IPTUN_COLLECT_METADATA);
}

export function readIpipInfo(data: Attributes, devices: DeviceTable): IpipParameters {
  const parent = data.u32(IFLA_IPTUN_LINK) ?? 0;
  const unlessAny = (ip: IpAddress | undefined): IpAddress | undefined =>
    ip === undefined || ip.equals(ANY) ? undefined : ip;
  return {
    kind: "ipip",
    local: unlessAny(data.ip(IFLA_IPTUN_LOCAL, 4)),
    remote: unlessAny(data.ip(IFLA_IPTUN_REMOTE, 4)),
    parent: parent === 0 ? undefined : devices.nameOf(parent),
    ttl: data.u8(IFLA_IPTUN_TTL) ?? 0,
    tos: data.u8(IFLA_IPTUN_TOS) ?? 0,
    protocol: data.u8(IFLA_IPTUN_PROTO) ?? 4,
    pmtuDiscovery: data.flag(IFLA_IPTUN_PMTUDISC),
    external: data.flag(IFLA_IPTUN_COLLECT_METADATA),
  };
}

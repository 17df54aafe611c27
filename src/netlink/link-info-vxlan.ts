/** IFLA_INFO_DATA of vxlan devices (include/uapi/linux/if_link.h; drivers/net/vxlan). */
import type { VxlanParameters } from "../../tunnels/kernel/kernel-state.ts";
import type { Attributes } from "./attribute.ts";
import type { DeviceTable } from "./device-table.ts";
import type { MessageWriter } from "./message-writer.ts";

const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_GROUP = 2;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_TTL = 5;
const IFLA_VXLAN_TOS = 6;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_AGEING = 8;
const IFLA_VXLAN_PORT_RANGE = 10;
const IFLA_VXLAN_PROXY = 11;
const IFLA_VXLAN_L2MISS = 13;
const IFLA_VXLAN_L3MISS = 14;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_GROUP6 = 16;
const IFLA_VXLAN_LOCAL6 = 17;
const IFLA_VXLAN_UDP_CSUM = 18;
const IFLA_VXLAN_UDP_ZERO_CSUM6_TX = 19;
const IFLA_VXLAN_UDP_ZERO_CSUM6_RX = 20;
const IFLA_VXLAN_GBP = 23;
const IFLA_VXLAN_COLLECT_METADATA = 25;
const IFLA_VXLAN_TTL_INHERIT = 28;

interface Row {
  readonly fields: readonly (keyof VxlanParameters)[];
  readonly write: (writer: MessageWriter, vxlan: VxlanParameters, parent: number) => void;
}

/** One row per attribute, in the order of a dump. */
const ROWS: readonly Row[] = [
  { fields: ["vni"], write: (w, v) => w.u32(IFLA_VXLAN_ID, v.vni) },
  {
    fields: ["group"],
    write: (w, v) => {
      if (v.group) w.ip(v.group.family === 4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, v.group);
    },
  },
  {
    fields: ["parent"],
    write: (w, v, parent) => {
      if (v.parent !== undefined) w.u32(IFLA_VXLAN_LINK, parent);
    },
  },
  {
    fields: ["local"],
    write: (w, v) => {
      if (v.local) w.ip(v.local.family === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, v.local);
    },
  },
  { fields: ["ttl"], write: (w, v) => w.u8(IFLA_VXLAN_TTL, v.ttl) },
  {
    fields: ["ttlInherit"],
    write: (w, v) => {
      if (v.ttlInherit) w.flag(IFLA_VXLAN_TTL_INHERIT);
    },
  },
  { fields: ["tos"], write: (w, v) => w.u8(IFLA_VXLAN_TOS, v.tos) },
  { fields: ["learning"], write: (w, v) => w.u8(IFLA_VXLAN_LEARNING, Number(v.learning)) },
  { fields: ["proxy"], write: (w, v) => w.u8(IFLA_VXLAN_PROXY, Number(v.proxy)) },
  { fields: ["l2miss"], write: (w, v) => w.u8(IFLA_VXLAN_L2MISS, Number(v.l2miss)) },
  { fields: ["l3miss"], write: (w, v) => w.u8(IFLA_VXLAN_L3MISS, Number(v.l3miss)) },
  {
    fields: ["external"],
    write: (w, v) => {
      if (v.external) w.u8(IFLA_VXLAN_COLLECT_METADATA, 1);
    },
  },
  { fields: ["ageing"], write: (w, v) => w.u32(IFLA_VXLAN_AGEING, v.ageing) },
  {
    fields: ["portLow", "portHigh"],
    write: (w, v) => w.portRange(IFLA_VXLAN_PORT_RANGE, v.portLow, v.portHigh),
  },
  { fields: ["port"], write: (w, v) => w.port(IFLA_VXLAN_PORT, v.port) },
  { fields: ["udpChecksum"], write: (w, v) => w.u8(IFLA_VXLAN_UDP_CSUM, Number(v.udpChecksum)) },
  {
    fields: ["zeroChecksum6Tx"],
    write: (w, v) => w.u8(IFLA_VXLAN_UDP_ZERO_CSUM6_TX, Number(v.zeroChecksum6Tx)),
  },
  {
    fields: ["zeroChecksum6Rx"],
    write: (w, v) => w.u8(IFLA_VXLAN_UDP_ZERO_CSUM6_RX, Number(v.zeroChecksum6Rx)),
  },
  {
    fields: ["gbp"],
    write: (w, v) => {
      if (v.gbp) w.flag(IFLA_VXLAN_GBP);
    },
  },
];

/**
 * Writes the attributes of all parameters, or only of the fields named in `only`: the kernel
 * refuses a change message that names a parameter it cannot change.
 */
export function writeVxlanInfo(
  writer: MessageWriter,
  vxlan: VxlanParameters,
  parentIndex: number,
  only?: readonly string[],
): void {
  for (const row of ROWS) {
    if (only === undefined || row.fields.some((field) => only.includes(field))) {
      row.write(writer, vxlan, parentIndex);
    }
  }
}

/** What is absent has the value that the kernel means by leaving it out. */
export function readVxlanInfo(data: Attributes, devices: DeviceTable): VxlanParameters {
  const parent = data.u32(IFLA_VXLAN_LINK) ?? 0;
  return {
    kind: "vxlan",
    vni: data.u32(IFLA_VXLAN_ID) ?? 0,
    port: data.port(IFLA_VXLAN_PORT) ?? 0,
    local: data.ip(IFLA_VXLAN_LOCAL, 4) ?? data.ip(IFLA_VXLAN_LOCAL6, 6),
    parent: parent === 0 ? undefined : devices.nameOf(parent),
    learning: data.flag(IFLA_VXLAN_LEARNING),
    external: data.flag(IFLA_VXLAN_COLLECT_METADATA),
    group: data.ip(IFLA_VXLAN_GROUP, 4) ?? data.ip(IFLA_VXLAN_GROUP6, 6),
    ttl: data.u8(IFLA_VXLAN_TTL) ?? 0,
    tos: data.u8(IFLA_VXLAN_TOS) ?? 0,
    ttlInherit: data.flag(IFLA_VXLAN_TTL_INHERIT),
    ageing: data.u32(IFLA_VXLAN_AGEING) ?? 0,
    proxy: data.flag(IFLA_VXLAN_PROXY),
    l2miss: data.flag(IFLA_VXLAN_L2MISS),
    l3miss: data.flag(IFLA_VXLAN_L3MISS),
    gbp: data.flag(IFLA_VXLAN_GBP),
    udpChecksum: data.flag(IFLA_VXLAN_UDP_CSUM),
    zeroChecksum6Tx: data.flag(IFLA_VXLAN_UDP_ZERO_CSUM6_TX),
    zeroChecksum6Rx: data.flag(IFLA_VXLAN_UDP_ZERO_CSUM6_RX),
    portLow: data.port(IFLA_VXLAN_PORT_RANGE, 0) ?? 0,
    portHigh: data.port(IFLA_VXLAN_PORT_RANGE, 1) ?? 0,
  };
}

/**
 * Why a data path would refuse a received packet, as far as the packet alone tells: whose VNI, MAC
 * addresses and peers are right is not in it.
 */
import { isUnicastMac } from "./address/mac-address.ts";
import { DropReason } from "./drop-reason.ts";
import { decapsulateEcn, ECN_DROP } from "./ecn.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "./header/ethernet.ts";
import type { EthernetLayer, PacketLayer } from "./packet-layer.ts";

const ECN_MASK = 3;

/** `layers` are those of `packetLayers`. Of several reasons it is the outermost. */
export function packetRefusal(layers: readonly PacketLayer[]): DropReason {
  /** What the packets around this one have to say about congestion; -1 outside of all. */
  let outerEcn = -1;
  let isInVxlan = false;
  for (const layer of layers) {
    switch (layer.kind) {
      case "refused":
        return layer.reason;
      case "vxlan":
        isInVxlan = true;
        break;
      case "ethernet": {
        const reason = isInVxlan ? frameRefusal(layer) : DropReason.None;
        if (reason !== DropReason.None) return reason;
        break;
      }
      case "ip": {
        const ecn = layer.trafficClass & ECN_MASK;
        outerEcn = outerEcn < 0 ? ecn : decapsulateEcn(ecn, outerEcn);
        if (outerEcn === ECN_DROP) return DropReason.EcnNotCapable;
        break;
      }
    }
  }
  return DropReason.None;
}

/** Of a frame in VXLAN. */
function frameRefusal({ source, ethertype, vlans }: EthernetLayer): DropReason {
  if (!isUnicastMac(source)) return DropReason.InnerSourceMac;
  const isIp = ethertype === ETHERTYPE_IPV4 || ethertype === ETHERTYPE_IPV6;
  return isIp && vlans.length === 0 ? DropReason.None : DropReason.InnerNotIp;
}

/** Who carries what, where the kernel cannot make devices of these kinds and userspace can carry all. */
import { type Carriers, chooseCarrier } from "../../../tunnels/desired/carrier.ts";
import type { Dataplane } from "../../../tunnels/model/dataplane.ts";

export function carriers(dataplane: Dataplane, vxlanRefusal = "", ipipRefusal = ""): Carriers {
  return {
    vxlan: chooseCarrier("vxlan", dataplane, { kernel: vxlanRefusal, userspace: "" }),
    ipip: chooseCarrier("ipip", dataplane, { kernel: ipipRefusal, userspace: "" }),
  };
}

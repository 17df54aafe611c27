/** Who carries what, where the kernel cannot make devices of these kinds and userspace can carry all. */
import { type Carriers, chooseCarrier, type Dataplane } from "../../../tunnels/desired/carrier.ts";

export function carriers(dataplane: Dataplane, vxlanRefusal = "", ipipRefusal = ""): Carriers {
  return {
    vxlan: chooseCarrier("vxlan", dataplane, { kernel: vxlanRefusal, userspace: "" }),
    ipip: chooseCarrier("ipip", dataplane, { kernel: ipipRefusal, userspace: "" }),
  };
}

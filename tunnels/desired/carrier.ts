/** Who moves the packets of an encapsulation: a tunnel device of the kernel, or our own data path. */
import type { EncapMode } from "../../encap/encap-mode.ts";
import type { Dataplane } from "../model/dataplane.ts";

export type TunnelEncap = Exclude<EncapMode, "none">;

/** Why each of the two cannot carry an encapsulation; empty if it can. */
export interface Refusals {
  readonly kernel: string;
  readonly userspace: string;
}

export type Carrier =
  | { readonly by: "kernel" }
  /** `reason`: why not the kernel. */
  | { readonly by: "userspace"; readonly reason: string }
  | { readonly by: "nobody"; readonly reason: string; readonly hint: string };

export type Carriers = Readonly<Record<TunnelEncap, Carrier>>;

export const KERNEL_CARRIES: Carriers = { vxlan: { by: "kernel" }, ipip: { by: "kernel" } };

/** @param kernel,userspace why each cannot carry an encapsulation; empty if it can */
export function chooseCarriers(
  dataplane: Dataplane,
  kernel: Readonly<Record<TunnelEncap, string>>,
  userspace: Readonly<Record<TunnelEncap, string>>,
): Carriers {
  const choose = (encap: TunnelEncap): Carrier =>
    chooseCarrier(encap, dataplane, { kernel: kernel[encap], userspace: userspace[encap] });
  return { vxlan: choose("vxlan"), ipip: choose("ipip") };
}

export function chooseCarrier(
  encap: TunnelEncap,
  dataplane: Dataplane,
  { kernel, userspace }: Refusals,
): Carrier {
  if (dataplane !== "userspace" && kernel === "") return { by: "kernel" };
  const withoutKernel =
    dataplane === "userspace"
      ? "the dataplane is set to userspace"
      : `this kernel cannot make ${encap} devices: ${kernel}`;
  if (dataplane !== "kernel" && userspace === "") {
    return { by: "userspace", reason: withoutKernel };
  }
  const load = `load the kernel module ${encap}`;
  const other = "give the pool another encapsulation";
  switch (dataplane) {
    case "kernel": {
      const hint = userspace === "" ? `${load}, set the dataplane to auto` : load;
      return { by: "nobody", reason: withoutKernel, hint: `${hint}, or ${other}` };
    }
    case "userspace": {
      const reason = `userspace cannot carry ${encap}: ${userspace}`;
      const hint = kernel === "" ? "set the dataplane to auto" : other;
      return { by: "nobody", reason, hint };
    }
    case "auto": {
      const reason = `${withoutKernel}; nor can userspace: ${userspace}`;
      return { by: "nobody", reason, hint: `${load}, or ${other}` };
    }
  }
}

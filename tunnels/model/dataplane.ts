/** Who shall carry the tunnels, as the operator asks for it. */

/** `auto`: the kernel where it can, userspace where it cannot. */
export type Dataplane = "kernel" | "userspace" | "auto";

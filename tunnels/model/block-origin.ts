/**
 * Where blocks come from: IPAMBlock records (`ipam`), the podCIDRs of the nodes, or the records if
 * there is any and else the podCIDRs (`auto`).
 */
export type BlockOrigin = "auto" | "ipam" | "podCIDR";

/** What a kernel does with links of its own accord, for the fake kernel. */
import { type Link, parentOf } from "../../tunnels/kernel/kernel-state.ts";
import { differingFields, linkChange } from "../../tunnels/kernel/link-change.ts";

/** The errno with which the kernel refuses to make `link`, or undefined. */
export function refusalOfNewLink(link: Link, links: ReadonlyMap<string, Link>): string | undefined {
  if (links.has(link.name)) return "EEXIST";
  const { tunnel } = link;
  if (tunnel === undefined) return undefined;
  const parent = parentOf(tunnel);
  if (parent !== undefined && !links.has(parent)) return "ENODEV";
  for (const other of links.values()) {
    if (other.tunnel?.kind === "vxlan" && tunnel.kind === "vxlan") {
      const isSame = other.tunnel.vni === tunnel.vni && other.tunnel.port === tunnel.port;
      const isSameFamily = other.tunnel.local?.family === tunnel.local?.family;
      if (isSame && isSameFamily) return "EEXIST";
    }
    if (other.tunnel?.kind === "ipip" && tunnel.kind === "ipip") {
      const key = ({ local, remote, parent }: typeof tunnel): string =>
        `${local} ${remote} ${parent}`;
      if (key(other.tunnel) === key(tunnel)) return "EEXIST";
    }
  }
  return undefined;
}

/**
 * `link` as a change message for the fields that differ from `from` leaves it, or the errno with
 * which the kernel refuses it.
 */
export function changedLink(link: Link, from: Link | undefined, to: Link): Link | string {
  const fields = from === undefined ? ["mtu", "mac", "up"] : differingFields(from, to);
  let changed: Link = link;
  for (const field of fields) {
    if (field === "mtu") changed = { ...changed, mtu: to.mtu };
    else if (field === "mac") changed = { ...changed, mac: to.mac };
    else if (field === "up") changed = { ...changed, up: to.up, running: to.up };
    else if (changed.tunnel === undefined || to.tunnel === undefined) return "EOPNOTSUPP";
    else {
      const value = (to.tunnel as unknown as Record<string, unknown>)[field];
      const tunnel = { ...changed.tunnel, [field]: value } as typeof changed.tunnel;
      const next = { ...changed, tunnel };
      if (linkChange(changed, next) === "recreate") return "EOPNOTSUPP";
      changed = next;
    }
  }
  return changed;
}

/**
 * Which number the nexthop object of a node has. It follows from the names, so that a restarted
 * agent comes to the same numbers, and stays with (node, role) for the life of the process, so
 * that a node's new address is one message whatever the number of its routes.
 */
import type { Nexthop } from "../kernel/kernel-state.ts";
import { isOurNexthop, NEXTHOP_ID_BASE } from "../kernel/ownership.ts";

const MASK = 0xffffff;

/** Which of a node's objects: by the device for tunnels, by the family on the parent. */
export type NexthopRole = "vxlan" | "vxlan6" | "ipip" | "direct" | "direct6";

export interface WantedNexthop {
  readonly node: string;
  readonly role: NexthopRole;
  readonly nexthop: Omit<Nexthop, "id">;
}

export class NexthopIds {
  readonly #ids = new Map<string, number>();
  readonly #taken = new Set<number>();
  #foreign = new Set<number>();
  /** Objects of an earlier run that nobody has asked for yet: what they do -> id. */
  #adoptable = new Map<string, number>();

  /** Reads what the kernel holds: ids of others are avoided, our own ones can be taken up again. */
  adopt(actual: ReadonlyMap<number, Nexthop>): void {
    this.#foreign = new Set();
    this.#adoptable = new Map();
    const ids = [...actual.keys()].sort((a, b) => b - a);
    for (const id of ids) {
      const nexthop = actual.get(id) as Nexthop;
      if (!isOurNexthop(nexthop)) this.#foreign.add(id);
      else if (!this.#taken.has(id)) this.#adoptable.set(purpose(nexthop), id);
    }
  }

  /**
   * Gives existing objects to those who want exactly them, before anybody is given a new number.
   * What nobody wants is forgotten: its id is free.
   */
  settleAdoption(wanted: Iterable<WantedNexthop>): void {
    if (this.#adoptable.size === 0) return;
    let isAsked = false;
    for (const { node, role, nexthop } of wanted) {
      isAsked = true;
      const id = this.#adoptable.get(purpose(nexthop));
      if (id === undefined || this.#taken.has(id) || this.#ids.has(`${role} ${node}`)) continue;
      this.#assign(`${role} ${node}`, id);
    }
    if (isAsked) this.#adoptable.clear();
  }

  idOf(node: string, role: NexthopRole): number {
    const owner = `${role} ${node}`;
    const known = this.#ids.get(owner);
    if (known !== undefined) return known;
    let low = hash24(owner);
    while (this.#taken.has(NEXTHOP_ID_BASE + low) || this.#foreign.has(NEXTHOP_ID_BASE + low))
      low = (low + 1) & MASK;
    return this.#assign(owner, NEXTHOP_ID_BASE + low);
  }

  #assign(owner: string, id: number): number {
    this.#ids.set(owner, id);
    this.#taken.add(id);
    return id;
  }
}

function purpose(nexthop: Omit<Nexthop, "id">): string {
  return `${nexthop.family} ${nexthop.device} ${nexthop.gateway ?? ""}`;
}

/** FNV-1a, folded to 24 bits. */
function hash24(text: string): number {
  let mix = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    mix = Math.imul(mix ^ text.charCodeAt(at), 0x01000193);
  }
  return ((mix >>> 24) ^ mix) & MASK;
}

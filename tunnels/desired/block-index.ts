/**
 * The blocks: who owns which prefix, and who uses single addresses of another node's block. If
 * nobody says otherwise, they are the IPAMBlock records if there is any, else the podCIDRs of the nodes.
 */
import type { Cidr } from "../../encap/address/cidr.ts";
import { hostCidr } from "../../encap/address/cidr.ts";
import type { Block, BorrowedAddress } from "../model/block.ts";
import type { BlockOrigin } from "../model/block-origin.ts";
import type { Node } from "../model/node.ts";
import type { DirtyPrefixes } from "./dirty-prefixes.ts";
import { compareText } from "./name-order.ts";
import { PrefixClaims } from "./prefix-claims.ts";
import { sameValue } from "./same-value.ts";

export type BlockSource = "records" | "podCidrs";

export class BlockIndex {
  /** The first owner by name wins; a block without an owner loses to all that have one. */
  readonly claims: PrefixClaims<Block> = new PrefixClaims(compareOwners);
  readonly borrowed: PrefixClaims<BorrowedAddress> = new PrefixClaims((a, b) =>
    compareText(a.node, b.node),
  );
  /** Blocks changed since `takeTouched`: a tunnel address inside one may need a route of its own. */
  #touched: Cidr[] = [];
  #source: BlockSource = "records";
  readonly #dirty: DirtyPrefixes;
  readonly #origin: BlockOrigin;
  readonly #records = new Map<string, Block>();
  readonly #podBlocks = new Map<string, Block[]>();
  readonly #byNode = new Map<string, Block[]>();
  readonly #borrowedByNode = new Map<string, BorrowedAddress[]>();

  constructor(dirty: DirtyPrefixes, origin: BlockOrigin = "auto") {
    this.#dirty = dirty;
    this.#origin = origin;
  }

  /** @param old what is known under the name so far */
  put(name: string, block: Block | undefined, old: Block | undefined = this.get(name)): void {
    if (block) this.#records.set(name, block);
    else this.#records.delete(name);
    if (this.#source === "records") this.#exchange(old ? [old] : [], block ? [block] : []);
  }

  get(name: string): Block | undefined {
    return this.#records.get(name);
  }

  /** The podCIDRs of a node, kept for the day when there are no records. */
  putPodCidrs(name: string, node: Node | undefined): void {
    const old = this.#podBlocks.get(name) ?? [];
    const isSame = sameValue(
      old.map(({ cidr }) => cidr),
      node?.podCidrs ?? [],
    );
    if (isSame) return;
    const blocks = (node?.podCidrs ?? []).map((cidr): Block => {
      return { kind: "IPAMBlock", name: `podCIDR of ${name}`, cidr, node: name, borrowed: [] };
    });
    if (blocks.length > 0) this.#podBlocks.set(name, blocks);
    else this.#podBlocks.delete(name);
    if (this.#source === "podCidrs") this.#exchange(old, blocks);
  }

  get isSettled(): boolean {
    return this.#touched.length === 0 && this.#source === this.#wantedSource();
  }

  /** Changes to the source that the datastore calls for; until then both are only remembered. */
  settleSource(): void {
    const source = this.#wantedSource();
    if (source === this.#source) return;
    const records = [...this.#records.values()];
    const podBlocks = [...this.#podBlocks.values()].flat();
    this.#source = source;
    if (source === "records") this.#exchange(podBlocks, records);
    else this.#exchange(records, podBlocks);
  }

  /** Number of blocks in force, several claims on one prefix counted each. */
  get size(): number {
    if (this.#source === "records") return this.#records.size;
    return [...this.#podBlocks.values()].reduce((sum, blocks) => sum + blocks.length, 0);
  }

  takeTouched(): Cidr[] {
    const touched = this.#touched;
    this.#touched = [];
    return touched;
  }

  blockCount(node: string): number {
    return this.#byNode.get(node)?.length ?? 0;
  }

  /** Marks every prefix whose route leads to the node because of a block. */
  markNode(node: string): void {
    for (const block of this.#byNode.get(node) ?? []) this.#dirty.mark(block.cidr);
    for (const { address } of this.#borrowedByNode.get(node) ?? []) {
      this.#dirty.mark(hostCidr(address));
    }
  }

  #wantedSource(): BlockSource {
    if (this.#origin !== "auto") return this.#origin === "ipam" ? "records" : "podCidrs";
    return this.#records.size === 0 && this.#podBlocks.size > 0 ? "podCidrs" : "records";
  }

  #exchange(old: readonly Block[], blocks: readonly Block[]): void {
    for (const block of old) this.#remove(block);
    for (const block of blocks) this.#add(block);
  }

  #add(block: Block): void {
    this.claims.add(block.cidr, block);
    this.#touch(block.cidr);
    if (block.node !== undefined) addTo(this.#byNode, block.node, block);
    for (const borrowed of block.borrowed) {
      const cidr = hostCidr(borrowed.address);
      this.borrowed.add(cidr, borrowed);
      this.#dirty.mark(cidr);
      addTo(this.#borrowedByNode, borrowed.node, borrowed);
    }
  }

  #remove(block: Block): void {
    this.claims.remove(block.cidr, block);
    this.#touch(block.cidr);
    if (block.node !== undefined) removeFrom(this.#byNode, block.node, block);
    for (const borrowed of block.borrowed) {
      const cidr = hostCidr(borrowed.address);
      this.borrowed.remove(cidr, borrowed);
      this.#dirty.mark(cidr);
      removeFrom(this.#borrowedByNode, borrowed.node, borrowed);
    }
  }

  #touch(cidr: Cidr): void {
    this.#dirty.mark(cidr);
    if (!cidr.isHost) this.#touched.push(cidr);
  }
}

function compareOwners(a: Block, b: Block): number {
  if (a.node !== b.node) {
    if (a.node === undefined) return 1;
    if (b.node === undefined) return -1;
  }
  return compareText(a.node ?? "", b.node ?? "") || compareText(a.name, b.name);
}

function addTo<T>(lists: Map<string, T[]>, node: string, member: T): void {
  const list = lists.get(node);
  if (list) list.push(member);
  else lists.set(node, [member]);
}

/** In no order: the last member takes the place of the one that goes. */
function removeFrom<T>(lists: Map<string, T[]>, node: string, member: T): void {
  const list = lists.get(node) ?? [];
  const at = list.indexOf(member);
  const last = at < 0 ? undefined : list.pop();
  if (last !== undefined && at < list.length) list[at] = last;
  if (list.length === 0) lists.delete(node);
}

/**
 * The kernel state of node 0, as the contenders of the benchmark take it: a binary file for the C
 * programs (layout in bench/c/state.h), and the classic commands for `ip -batch` and
 * `bridge -batch`. For clusters with one IPv4 pool in VXLAN mode Always, where all remote blocks
 * go through one device.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeIp } from "../../encap/address/ip-address.ts";
import { writeMac } from "../../encap/address/mac-address.ts";
import { ROUTE_PROTOCOL } from "../../tunnels/kernel/kernel-state.ts";
import type { Cluster } from "./cluster.ts";

export const TUNNEL_DEVICE = "vxlan.causeway";
export const PARENT_DEVICE = "underlay0";
export const PARENT_MTU = 1500;
const TUNNEL_MTU = PARENT_MTU - 50;
const VNI = 4096;
const PORT = 4789;

const MAGIC = 0x31435743;
const HEADER_BYTES = 64;
const VTEP_BYTES = 16;
const ROUTE_BYTES = 12;
const BLACKHOLE = 0xffffffff;

export interface KernelFeed {
  /** For `sync-state`. */
  readonly stateFile: string;
  /** Device and address, for `ip -batch`: what has to be there before the other files. */
  readonly deviceBatch: string;
  /** Neighbours and routes, for `ip -batch`. */
  readonly ipBatch: string;
  /** FDB rows, for `bridge -batch`. */
  readonly bridgeBatch: string;
  /** All routes of ours that node 0 has in the end, blackholes included. */
  readonly routes: number;
}

/**
 * Writes the four files into `directory`.
 * @param routeMtu RTAX_MTU of the routes through the tunnel, 0 for none.
 */
export function writeKernelFeed(cluster: Cluster, directory: string, routeMtu: number): KernelFeed {
  const [pool, ...others] = cluster.options.pools;
  if (pool?.encap !== "vxlan" || pool.mode !== "Always" || others.length > 0) {
    throw new RangeError("a kernel feed needs exactly one pool, in VXLAN mode Always");
  }
  mkdirSync(directory, { recursive: true });
  const feed = {
    stateFile: join(directory, "state.bin"),
    deviceBatch: join(directory, "device.batch"),
    ipBatch: join(directory, "ip.batch"),
    bridgeBatch: join(directory, "bridge.batch"),
    routes: cluster.blockCount,
  };
  writeFileSync(feed.stateFile, stateFile(cluster, routeMtu));
  writeFileSync(feed.deviceBatch, deviceCommands(cluster));
  writeFileSync(feed.ipBatch, neighbourCommands(cluster) + routeCommands(cluster, routeMtu));
  writeFileSync(feed.bridgeBatch, fdbCommands(cluster));
  return feed;
}

/** VTEP number n is node n + 1: node 0 is the local one. */
function stateFile(cluster: Cluster, routeMtu: number): Uint8Array {
  const vteps = cluster.options.nodes - 1;
  const size = HEADER_BYTES + vteps * VTEP_BYTES + cluster.blockCount * ROUTE_BYTES;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const numbers = [MAGIC, vteps, cluster.blockCount, VNI, TUNNEL_MTU, PORT];
  for (const [at, value] of numbers.entries()) view.setUint32(at * 4, value, true);
  writeIp(cluster.underlayAddress(0, 4), view, 24);
  writeIp(cluster.tunnelAddress(0, 4), view, 28);
  view.setUint32(32, routeMtu, true);
  writeMac(cluster.vtepMac(0, 4), bytes, 40);
  bytes.set(new TextEncoder().encode(PARENT_DEVICE), 48);
  let at = HEADER_BYTES;
  for (let node = 1; node <= vteps; node++) {
    writeIp(cluster.tunnelAddress(node, 4), view, at);
    writeIp(cluster.underlayAddress(node, 4), view, at + 4);
    writeMac(cluster.vtepMac(node, 4), bytes, at + 8);
    at += VTEP_BYTES;
  }
  for (let block = 0; block < cluster.blockCount; block++) {
    const cidr = cluster.blockCidr(block, 4);
    const owner = cluster.ownerOf(block);
    writeIp(cidr.address, view, at);
    view.setUint32(at + 4, cidr.length, true);
    view.setUint32(at + 8, owner === 0 ? BLACKHOLE : owner - 1, true);
    at += ROUTE_BYTES;
  }
  return bytes;
}

function deviceCommands(cluster: Cluster): string {
  const local = cluster.underlayAddress(0, 4);
  return (
    `link add ${TUNNEL_DEVICE} address ${cluster.vtepMac(0, 4)} mtu ${TUNNEL_MTU} type vxlan ` +
    `id ${VNI} dev ${PARENT_DEVICE} local ${local} dstport ${PORT} nolearning\n` +
    `link set ${TUNNEL_DEVICE} up\n` +
    `address add ${cluster.tunnelAddress(0, 4)}/32 dev ${TUNNEL_DEVICE}\n`
  );
}

function neighbourCommands(cluster: Cluster): string {
  return linesOf(1, cluster.options.nodes, (node) => {
    const address = cluster.tunnelAddress(node, 4);
    return `neighbour add ${address} lladdr ${cluster.vtepMac(node, 4)} dev ${TUNNEL_DEVICE} nud permanent`;
  });
}

function fdbCommands(cluster: Cluster): string {
  return linesOf(1, cluster.options.nodes, (node) => {
    const destination = cluster.underlayAddress(node, 4);
    return `fdb add ${cluster.vtepMac(node, 4)} dev ${TUNNEL_DEVICE} dst ${destination} self permanent`;
  });
}

function routeCommands(cluster: Cluster, routeMtu: number): string {
  const mtu = routeMtu === 0 ? "" : ` mtu ${routeMtu}`;
  return linesOf(0, cluster.blockCount, (block) => {
    const cidr = cluster.blockCidr(block, 4);
    const owner = cluster.ownerOf(block);
    if (owner === 0) return `route add blackhole ${cidr} proto ${ROUTE_PROTOCOL}`;
    const gateway = cluster.tunnelAddress(owner, 4);
    return (
      `route add ${cidr} via ${gateway} dev ${TUNNEL_DEVICE} onlink ` +
      `proto ${ROUTE_PROTOCOL}${mtu}`
    );
  });
}

function linesOf(from: number, to: number, line: (at: number) => string): string {
  let text = "";
  for (let at = from; at < to; at++) text += `${line(at)}\n`;
  return text;
}

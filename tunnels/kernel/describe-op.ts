/**
 * Operations in words: the name of the object for people, and the commands of iproute2 and procps
 * that do the same, so that a plan can be read, pasted, or piped into a shell.
 */
import { describeLink } from "./describe-link.ts";
import type { KernelOp } from "./kernel-op.ts";
import type { Nexthop, Route } from "./kernel-state.ts";

/** What the operation is about, as status and logs name it: `route 10.244.1.0/26`. */
export function objectName(op: KernelOp): string {
  switch (op.kind) {
    case "sysctl":
      return `sysctl ${op.object.name}`;
    case "link":
      return `device ${op.object.name}`;
    case "address":
      return `address ${op.object.ip}/${op.object.prefixLength} on ${op.object.device}`;
    case "neighbour":
      return `neighbour ${op.object.ip} on ${op.object.device}`;
    case "fdb":
      return `FDB entry ${op.object.mac} on ${op.object.device}`;
    case "nexthop":
      return `nexthop ${op.object.id}`;
    case "route":
      return `route ${op.object.destination}`;
  }
}

/** The commands, one to a line; run in order they leave the kernel as the operation does. */
export function describeOp(op: KernelOp): string[] {
  switch (op.kind) {
    case "sysctl":
      return [`sysctl -qw ${op.object.name}=${op.object.value}`];
    case "link":
      return describeLink(op);
    case "address": {
      const { ip, prefixLength, device } = op.object;
      const flags = op.verb === "add" && ip.family === 6 ? " nodad" : "";
      return [`ip address ${op.verb} ${ip}/${prefixLength} dev ${device}${flags}`];
    }
    case "neighbour": {
      const { ip, mac, device } = op.object;
      if (op.verb === "delete") return [`ip neighbour delete ${ip} dev ${device}`];
      return [`ip neighbour replace ${ip} lladdr ${mac} dev ${device} nud permanent protocol 202`];
    }
    case "fdb": {
      const { mac, destination, device } = op.object;
      const suffix = op.verb === "delete" ? "self" : "self permanent";
      return [`bridge fdb ${op.verb} ${mac} dev ${device} dst ${destination} ${suffix}`];
    }
    case "nexthop":
      if (op.verb === "delete") return [`ip nexthop delete id ${op.object.id}`];
      return [`ip nexthop ${op.verb} ${describeNexthop(op.object)}`];
    case "route": {
      const family = op.object.destination.family === 6 ? "-6 " : "";
      return [`ip ${family}route ${op.verb} ${describeRoute(op.object)}`];
    }
  }
}

/** A nexthop object as `ip nexthop` takes it. */
export function describeNexthop(nexthop: Nexthop): string {
  const words = [`id ${nexthop.id}`];
  if (nexthop.gateway) words.push(`via ${nexthop.gateway}`);
  words.push(`dev ${nexthop.device}`);
  if (nexthop.onlink) words.push("onlink");
  words.push(`protocol ${nexthop.protocol}`);
  return words.join(" ");
}

/** A route as `ip route` takes it. */
export function describeRoute({ destination, path }: Route): string {
  const words: string[] = path.type === "unicast" || path.type === "other" ? [] : [path.type];
  words.push(String(destination));
  if (path.nexthopId !== undefined) words.push(`nhid ${path.nexthopId}`);
  if (path.gateway) words.push(`via ${path.gateway}`);
  if (path.device !== undefined) words.push(`dev ${path.device}`);
  words.push(`proto ${path.protocol}`);
  if (path.onlink && path.nexthopId === undefined) words.push("onlink");
  if (path.source) words.push(`src ${path.source}`);
  if (path.mtu !== undefined) words.push(`mtu ${path.mtu}`);
  return words.join(" ");
}

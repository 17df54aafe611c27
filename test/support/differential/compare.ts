// Where what the two nodes did differs, field by field.

import { finishChecksum } from "../../../encap/header/checksum.ts";
import { plainSum } from "../packet-bytes.ts";
import type { Arrived, Sent } from "./exchange.ts";
import { ownLength } from "./exchange.ts";
import type { Tunnel } from "./tunnels.ts";

export interface Difference {
  readonly field: string;
  readonly kernel: string;
  readonly ours: string;
}

type Field = readonly [name: string, at: number, length: number];

const IPV4: readonly Field[] = [
  ["outer version and header length", 0, 1],
  ["outer traffic class", 1, 1],
  ["outer length", 2, 2],
  ["outer identification", 4, 2],
  ["outer fragment field", 6, 2],
  ["outer ttl", 8, 1],
  ["outer protocol", 9, 1],
  ["outer source", 12, 4],
  ["outer destination", 16, 4],
];

const IPV6: readonly Field[] = [
  ["outer version and traffic class", 0, 1],
  ["outer length", 4, 2],
  ["outer protocol", 6, 1],
  ["outer ttl", 7, 1],
  ["outer source", 8, 16],
  ["outer destination", 24, 16],
];

const VXLAN: readonly Field[] = [
  ["outer source port", 0, 2],
  ["outer destination port", 2, 2],
  ["udp length", 4, 2],
  ["vxlan header", 8, 8],
  ["inner destination mac", 16, 6],
  ["inner source mac", 22, 6],
  ["inner ethertype", 28, 2],
];

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Of what the nodes sent for one packet. Lengths that follow from bytes behind the packet are not told. */
export function sentDifferences(tunnel: Tunnel, kernel: Sent, ours: Sent): Difference[] {
  if (kernel.length !== ours.length) {
    return [{ field: "presence", kernel: `${kernel.length} sent`, ours: `${ours.length} sent` }];
  }
  return kernel.flatMap((bytes, at) => outerDifferences(tunnel, bytes, ours[at] as Uint8Array));
}

function outerDifferences(tunnel: Tunnel, kernel: Uint8Array, ours: Uint8Array): Difference[] {
  const { underlay, encap } = tunnel;
  const ip = underlay === 4 ? 20 : 40;
  const innerAt = encap === "vxlan" ? ip + 30 : ip;
  const fields: Field[] = [...(underlay === 4 ? IPV4 : IPV6)];
  if (encap === "vxlan") {
    fields.push(...VXLAN.map(([name, at, length]): Field => [name, at + ip, length]));
  }
  const differences = fields.flatMap(([field, at, length]) => {
    const [one, other] = [kernel, ours].map((bytes) => hex(bytes.subarray(at, at + length)));
    return one === other ? [] : [{ field, kernel: one as string, ours: other as string }];
  });
  if (underlay === 6) differences.push(...wordDifferences(kernel, ours));
  for (const [side, bytes] of Object.entries({ kernel, ours })) {
    for (const field of wrongChecksums(tunnel, bytes)) {
      differences.push({ field: `${side} ${field}`, kernel: "", ours: "" });
    }
  }
  const inner = contentDifferences(kernel.subarray(innerAt), ours.subarray(innerAt));
  const isTrailing = inner.some(({ field }) => field === "bytes behind the packet");
  return [
    ...differences.filter(({ field }) => !(isTrailing && field.endsWith("length"))),
    ...inner,
  ];
}

/** Of the first word of IPv6 headers, behind the byte that the version is in. */
function wordDifferences(kernel: Uint8Array, ours: Uint8Array): Difference[] {
  const [one, other] = [kernel, ours].map((bytes) => Buffer.from(bytes).readUInt32BE(0)) as [
    number,
    number,
  ];
  const parts = [
    ["outer traffic class", 20, 0xff],
    ["outer flow label", 0, 0xfffff],
  ] as const;
  return parts.flatMap(([field, shift, mask]) => {
    const [a, b] = [(one >>> shift) & mask, (other >>> shift) & mask];
    return a === b ? [] : [{ field, kernel: a.toString(16), ours: b.toString(16) }];
  });
}

function wrongChecksums({ underlay, encap }: Tunnel, outer: Uint8Array): string[] {
  const wrong: string[] = [];
  const ip = underlay === 4 ? 20 : 40;
  if (underlay === 4 && plainSum(outer.subarray(0, 20)) !== 0xffff) wrong.push("header checksum");
  if (encap !== "vxlan") return wrong;
  const udp = outer.subarray(ip);
  const pseudo = Buffer.from([0, 17, udp.length >> 8, udp.length & 255]);
  const addresses = outer.subarray(underlay === 4 ? 12 : 8, ip);
  const sum = plainSum(udp, plainSum(pseudo, plainSum(addresses)));
  if (udp[6] === 0 && udp[7] === 0) wrong.push("udp checksum missing");
  else if (finishChecksum(sum) !== 0) wrong.push("udp checksum");
  return wrong;
}

/** Of inner packets. What is behind the kernel's, by its own length, is a difference of its own. */
function contentDifferences(kernel: Uint8Array, ours: Uint8Array): Difference[] {
  const length = ownLength(kernel);
  const own = kernel.subarray(0, length);
  if (Buffer.compare(kernel, ours) === 0) return [];
  if (length < kernel.length && Buffer.compare(own, ours) === 0) {
    const behind = `${kernel.length - length} bytes`;
    return [{ field: "bytes behind the packet", kernel: behind, ours: "none" }];
  }
  return [{ field: "inner packet", kernel: hex(kernel), ours: hex(ours) }];
}

/** Of what arrived for one packet. */
export function arrivedDifferences(kernel: Arrived, ours: Arrived): Difference[] {
  const differences: Difference[] = [];
  if (kernel.device.length !== ours.device.length) {
    const [one, other] = [kernel, ours].map(({ device }) => `${device.length} out of the device`);
    differences.push({ field: "device", kernel: one as string, ours: other as string });
  } else {
    kernel.device.forEach((bytes, at) => {
      differences.push(...contentDifferences(bytes, ours.device[at] as Uint8Array));
    });
  }
  const [one, other] = [kernel, ours].map(({ pods }) =>
    pods.map(({ pod, bytes }) => `${pod} ${hex(bytes)}`).join(", "),
  ) as [string, string];
  if (one !== other) differences.push({ field: "pod", kernel: one, ours: other });
  return differences;
}

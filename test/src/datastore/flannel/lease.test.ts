import { describe, expect, test } from "vitest";
import { parseCidr } from "../../../../encap/address/cidr.ts";
import { parseIp } from "../../../../encap/address/ip-address.ts";
import type { MacAddress } from "../../../../encap/address/mac-address.ts";
import {
  annotationsFor,
  readAnnotatedNode,
} from "../../../../src/datastore/flannel/annotations.ts";
import {
  formatLease,
  formatSubnetName,
  type LeaseEnds,
  nodeOfLease,
  parseSubnetName,
  readLease,
} from "../../../../src/datastore/flannel/lease.ts";
import { ProblemList } from "../../../../src/datastore/record-problem.ts";

const FOUR: LeaseEnds = {
  4: { publicIp: parseIp("192.0.2.10"), mac: "82:4b:b6:2f:54:4e" as MacAddress },
};
const BOTH: LeaseEnds = {
  ...FOUR,
  6: { publicIp: parseIp("2001:db8::10"), mac: "a2:00:00:00:00:06" as MacAddress },
};

/** As flannel of version 0.27 writes it. */
const TEXT =
  '{"PublicIP":"192.0.2.10","PublicIPv6":null,"BackendType":"vxlan",' +
  '"BackendData":{"VNI":1,"VtepMAC":"82:4b:b6:2f:54:4e"}}';
const TEXT_BOTH =
  '{"PublicIP":"192.0.2.10","PublicIPv6":"2001:db8::10","BackendType":"vxlan",' +
  '"BackendData":{"VNI":1,"VtepMAC":"82:4b:b6:2f:54:4e"},' +
  '"BackendV6Data":{"VNI":1,"VtepMAC":"a2:00:00:00:00:06"}}';

function read(raw: unknown): { ends: LeaseEnds | undefined; problems: string[] } {
  const list = new ProblemList();
  const ends = readLease(raw, list);
  const problems = list.items.map(({ path, reason, severity }) => {
    return `${severity} ${path.join(".")}: ${reason}`;
  });
  return { ends, problems };
}

test.each([
  ["of IPv4", FOUR, TEXT],
  ["of both families", BOTH, TEXT_BOTH],
])("a lease %s is written as flannel writes it, and read again", (_, ends, text) => {
  expect(formatLease(ends, 1)).toBe(text);
  expect(read(JSON.parse(text))).toEqual({ ends, problems: [] });
});

test.each([
  [{ PublicIP: "192.0.2.10", BackendType: "host-gw" }, /^warning BackendType: not of type vxlan/],
  [{ PublicIP: "192.0.2.10" }, /^warning BackendType: not of type vxlan/],
  [{ PublicIP: "192.0.2.10", BackendType: "vxlan" }, /^error BackendData.VtepMAC: missing/],
  [{ BackendType: "vxlan" }, /^error PublicIP: missing/],
  [{ ...JSON.parse(TEXT), PublicIP: "192.0.2" }, /^error PublicIP: /],
  [
    { ...JSON.parse(TEXT), BackendData: { VtepMAC: "01:00:5e:00:00:01" } },
    /^error BackendData.VtepMAC: is not the MAC address of a device/,
  ],
  ["10.5.0.0", /^error : must be an object/],
])("readLease does not take %j", (raw, problem) => {
  const { ends, problems } = read(raw);
  expect(ends).toBeUndefined();
  expect(problems).toEqual([expect.stringMatching(problem)]);
});

test.each([
  ["10.5.52.0-24", ["10.5.52.0/24"]],
  ["10.5.52.0-24&fd00-5-52---64", ["10.5.52.0/24", "fd00:5:52::/64"]],
])("the key %s names subnets", (name, cidrs) => {
  const subnets = parseSubnetName(name);
  expect(subnets.map(String)).toEqual(cidrs);
  expect(formatSubnetName(subnets.toReversed())).toBe(name);
});

test.each(["", "10.5.52.0", "10.5.52.7-24", "config"])("parseSubnetName refuses %j", (name) => {
  expect(() => parseSubnetName(name)).toThrow();
});

test("nodeOfLease gives a node the first address of its subnet", () => {
  const subnets = [parseCidr("10.5.52.0/24"), parseCidr("fd00:5:52::/64")];
  expect(JSON.parse(JSON.stringify(nodeOfLease("alder", subnets, BOTH)))).toEqual({
    kind: "Node",
    name: "alder",
    ipv4: { address: "192.0.2.10", source: "InternalIP" },
    ipv6: { address: "2001:db8::10", source: "InternalIP" },
    tunnel: {
      vxlan: "10.5.52.0",
      vxlanMac: "82:4b:b6:2f:54:4e",
      vxlan6: "fd00:5:52::",
      vxlan6Mac: "a2:00:00:00:00:06",
    },
    otherAddresses: [],
    podCidrs: ["10.5.52.0/24", "fd00:5:52::/64"],
  });
});

describe("annotations of a core Node", () => {
  /** As flannel of version 0.27 writes them. */
  const written = {
    "flannel.alpha.coreos.com/kube-subnet-manager": "true",
    "flannel.alpha.coreos.com/backend-type": "vxlan",
    "flannel.alpha.coreos.com/backend-data": '{"VNI":1,"VtepMAC":"82:4b:b6:2f:54:4e"}',
    "flannel.alpha.coreos.com/public-ip": "192.0.2.10",
  };
  const written6 = {
    "flannel.alpha.coreos.com/backend-v6-data": '{"VNI":1,"VtepMAC":"a2:00:00:00:00:06"}',
    "flannel.alpha.coreos.com/public-ipv6": "2001:db8::10",
  };

  function readNode(annotations: Record<string, string>, podCIDRs = ["10.5.52.0/24"]) {
    const list = new ProblemList();
    const spec = { podCIDR: podCIDRs[0] ?? null, podCIDRs };
    const node = readAnnotatedNode({ metadata: { name: "alder", annotations }, spec }, list);
    return { node, problems: list.items.map(({ severity, reason }) => `${severity} ${reason}`) };
  }

  test("are written as flannel writes them, and read again", () => {
    expect(annotationsFor({}, FOUR, 1)).toEqual(written);
    const node = nodeOfLease("alder", [parseCidr("10.5.52.0/24")], FOUR);
    expect(readNode(written)).toEqual({ node, problems: [] });
  });

  test("are written for both families", () => {
    expect(annotationsFor({}, BOTH, 1)).toEqual({ ...written, ...written6 });
    const cidrs = ["10.5.52.0/24", "fd00:5:52::/64"];
    const node = nodeOfLease(
      "alder",
      cidrs.map((one) => parseCidr(one)),
      BOTH,
    );
    expect(readNode({ ...written, ...written6 }, cidrs)).toEqual({ node, problems: [] });
  });

  test("have the address that an operator wants to be published", () => {
    const annotations = { "flannel.alpha.coreos.com/public-ip-overwrite": "203.0.113.7" };
    expect(annotationsFor({ metadata: { annotations } }, FOUR, 1)).toEqual({
      ...written,
      "flannel.alpha.coreos.com/public-ip": "203.0.113.7",
    });
  });

  test("without the gate are none", () => {
    const { "flannel.alpha.coreos.com/kube-subnet-manager": _, ...rest } = written;
    expect(readNode(rest)).toEqual({ node: undefined, problems: [] });
  });

  test.each([
    [{ ...written, "flannel.alpha.coreos.com/backend-type": "wireguard" }, /^warning not of type/],
    [{ ...written, "flannel.alpha.coreos.com/backend-data": "null" }, /^error missing/],
    [{ ...written, "flannel.alpha.coreos.com/backend-data": "{" }, /^error not JSON/],
  ])("%j are told", (annotations, problem) => {
    const { node, problems } = readNode(annotations);
    expect(node).toBeUndefined();
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test("of a node without a podCIDR are told", () => {
    const { node, problems } = readNode(written, []);
    expect(node).toBeUndefined();
    expect(problems).toEqual(["error missing: Kubernetes gave it none"]);
  });
});

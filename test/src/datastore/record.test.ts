import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readRecord } from "../../../src/datastore/record.ts";
import { formatFieldPath } from "../../../src/datastore/record-problem.ts";

/** The resource as plain text values, or the problems as lines. */
function read(yaml: string): unknown {
  const { resource, problems } = readRecord(parse(yaml));
  const lines = problems.map(({ path, value, reason, severity }) => {
    const field = [formatFieldPath(path), value].filter(Boolean).join(" ");
    return `${severity}: ${field}: ${reason}`;
  });
  const plain = resource === undefined ? undefined : JSON.parse(JSON.stringify(resource));
  return lines.length === 0 ? plain : { plain, lines };
}

function problemsOf(yaml: string): string[] {
  return (read(yaml) as { lines?: string[] } | undefined)?.lines ?? [];
}

describe.each(["projectcalico.org/v3", "crd.projectcalico.org/v1"])("%s", (apiVersion) => {
  const pool = (spec: string): string =>
    `{apiVersion: ${apiVersion}, kind: IPPool, metadata: {name: p}, spec: ${spec}}`;
  const block = (spec: string): string =>
    `{apiVersion: ${apiVersion}, kind: IPAMBlock, metadata: {name: b}, spec: ${spec}}`;

  test("readRecord reads a pool with all its fields", () => {
    expect(
      read(
        pool(`{cidr: 10.77.0.0/16, vxlanMode: CrossSubnet, ipipMode: Never, natOutgoing: true,
          disabled: true, disableBGPExport: false, blockSize: 26, nodeSelector: all(),
          namespaceSelector: all(), allowedUses: [Workload, Tunnel], assignmentMode: Automatic}`),
      ),
    ).toEqual({
      kind: "IPPool",
      name: "p",
      cidr: "10.77.0.0/16",
      encap: "vxlan",
      mode: "CrossSubnet",
      routed: true,
      natOutgoing: true,
    });
  });

  test.each([
    ["{cidr: 10.0.0.0/8}", { encap: "none", mode: "Never", natOutgoing: false, routed: true }],
    ["{cidr: 10.0.0.0/8, ipipMode: Always}", { encap: "ipip", mode: "Always" }],
    ["{cidr: 'fd77::/48', vxlanMode: Always, blockSize: 122}", { encap: "vxlan" }],
    ["{cidr: 10.0.0.0/8, ipipMode: '', vxlanMode: null}", { encap: "none" }],
    ["{cidr: 10.0.0.0/8, allowedUses: [LoadBalancer]}", { routed: false }],
    ["{cidr: 10.0.0.0/8, allowedUses: [LoadBalancer, Workload]}", { routed: true }],
    ["{cidr: 10.0.0.0/8, allowedUses: []}", { routed: true }],
  ])("readRecord reads the pool %s", (spec, expected) => {
    expect(read(pool(spec))).toMatchObject(expected);
  });

  test.each([
    ["{cidr: 10.0.0.0/33}", 'error: spec.cidr "10.0.0.0/33": prefix length 33 is over 32'],
    [
      "{cidr: 10.0.0.1/8}",
      'error: spec.cidr "10.0.0.1/8": has host bits set; the prefix is 10.0.0.0/8',
    ],
    ["{cidr: pool}", 'error: spec.cidr "pool": not an IP address'],
    ["{cidr: 10.0.0.0}", 'error: spec.cidr "10.0.0.0": has no prefix length'],
    ["{cidr: 10}", "error: spec.cidr 10: must be a string, not a number"],
    ["{}", "error: spec.cidr: missing"],
    [
      "{cidr: 10.0.0.0/8, vxlanMode: Alway}",
      'error: spec.vxlanMode "Alway": not one of Never, Always, CrossSubnet; did you mean Always?',
    ],
    [
      "{cidr: 10.0.0.0/8, vxlanMode: Always, ipipMode: CrossSubnet}",
      'error: spec.ipipMode "CrossSubnet": vxlanMode is Always; one of them must be Never',
    ],
    [
      "{cidr: 'fd77::/48', ipipMode: Always}",
      'error: spec.ipipMode "Always": IP-in-IP carries IPv4 only; use vxlanMode',
    ],
    ["{cidr: 10.0.0.0/8, blockSize: 19}", "error: spec.blockSize 19: not in 20 to 32 (IPv4)"],
    ["{cidr: 10.0.0.0/8, blockSize: 33}", "error: spec.blockSize 33: not in 20 to 32 (IPv4)"],
    ["{cidr: 'fd77::/48', blockSize: 26}", "error: spec.blockSize 26: not in 116 to 128 (IPv6)"],
    [
      "{cidr: 10.0.0.0/28, blockSize: 26}",
      "error: spec.blockSize 26: a block would be larger than the pool 10.0.0.0/28",
    ],
    [
      "{cidr: 10.0.0.0/8, allowedUses: [Workloads]}",
      'error: spec.allowedUses[0] "Workloads": not one of Workload, Tunnel, LoadBalancer; did you mean Workload?',
    ],
    [
      "{cidr: 10.0.0.0/8, natOutgoing: 1}",
      "error: spec.natOutgoing 1: must be a boolean, not a number",
    ],
    [
      "{cidr: 10.0.0.0/8, vxlanmode: Always}",
      "warning: spec.vxlanmode: no such field; did you mean vxlanMode?",
    ],
    [
      "{cidr: 10.0.0.0/8, affinity: 'host:a'}",
      "warning: spec.affinity: no such field; did you mean the IPAMBlock's?",
    ],
    ["{cidr: 10.0.0.0/8, colour: red}", "warning: spec.colour: no such field"],
  ])("readRecord says what is wrong with the pool %s", (spec, expected) => {
    expect(problemsOf(pool(spec))).toEqual([expected]);
  });

  test("readRecord reads a block with all its fields, and the addresses that others use", () => {
    expect(
      read(
        block(`{cidr: 10.77.3.64/26, affinity: "host:alder", affinityClaimTime: null,
          allocations: [0, 1, 2, null, 3, 9], unallocated: [3], strictAffinity: false,
          attributes: [
            {handle_id: h, secondary: {node: alder, type: vxlanTunnelAddress}},
            {handle_id: i, secondary: {node: alder, namespace: shop, pod: cart-0}},
            {handle_id: j, secondary: {node: birch, namespace: shop, pod: cart-1}},
            {handle_id: k}],
          sequenceNumber: 417, sequenceNumberForAllocation: {"0": 401}, deleted: false}`),
      ),
    ).toEqual({
      kind: "IPAMBlock",
      name: "b",
      cidr: "10.77.3.64/26",
      node: "alder",
      borrowed: [{ address: "10.77.3.66", node: "birch" }],
    });
  });

  test.each([
    ["{cidr: 10.0.0.0/26, affinity: 'virtual:load-balancer'}", { name: "b", borrowed: [] }],
    ["{cidr: 10.0.0.0/26, affinity: null}", { name: "b", borrowed: [] }],
    ["{cidr: 10.0.0.0/26, hostAffinity: alder}", { node: "alder" }],
    [
      "{cidr: 'fd77::40/122', affinity: 'host:a', allocations: [null, 0], attributes: [{secondary: {node: b}}]}",
      { node: "a", borrowed: [{ address: "fd77::41", node: "b" }] },
    ],
    [
      "{cidr: 10.0.0.0/26, allocations: [0], attributes: [{secondary: {node: b}}]}",
      { borrowed: [{ address: "10.0.0.0", node: "b" }] },
    ],
  ])("readRecord reads the block %s", (spec, expected) => {
    expect(read(block(spec))).toMatchObject(expected);
  });

  test.each(["true", '"true"'])("readRecord passes over a block that is deleted: %s", (deleted) => {
    expect(read(block(`{cidr: 10.0.0.0/26, affinity: "host:a", deleted: ${deleted}}`))).toBe(
      undefined,
    );
  });

  test("readRecord names a block without a name after its prefix", () => {
    const text = `{apiVersion: ${apiVersion}, kind: IPAMBlock, spec: {cidr: "fd77::40/122", affinity: "host:a"}}`;
    expect(read(text)).toMatchObject({ name: "fd77--40-122" });
  });

  test.each([
    [
      "{cidr: 10.0.0.0/26, affinity: alder}",
      'error: spec.affinity "alder": must be host:NAME of a node, or virtual:NAME',
    ],
    [
      "{cidr: 10.0.0.0/26, affinity: 'host:'}",
      'error: spec.affinity "host:": must be host:NAME of a node, or virtual:NAME',
    ],
    [
      "{cidr: 10.0.0.0/31, affinity: 'host:a', allocations: [null, null, 0], attributes: [{secondary: {node: b}}]}",
      "warning: spec.allocations[2]: 10.0.0.0/31 has only 2 addresses; the rest is ignored",
    ],
    [
      "{cidr: 10.0.0.0/26, allocations: [x]}",
      'error: spec.allocations[0] "x": must be an integer, not a string',
    ],
  ])("readRecord says what is wrong with the block %s", (spec, expected) => {
    expect(problemsOf(block(spec))).toEqual([expected]);
  });
});

const node = (spec: string): string =>
  `{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: alder}, spec: ${spec}}`;

test("readRecord reads a Node with all its fields", () => {
  expect(
    read(
      node(`{bgp: {asNumber: 64512, ipv4Address: 192.0.2.11/24, ipv6Address: "2001:db8:7::b/64",
          ipv4IPIPTunnelAddr: 10.88.0.1, routeReflectorClusterID: 1.0.0.1},
        ipv4VXLANTunnelAddr: 10.77.3.64, ipv6VXLANTunnelAddr: "fd77::40",
        vxlanTunnelMACAddr: "66:01:02:03:04:05", vxlanTunnelMACAddrV6: 66-01-02-03-04-06,
        orchRefs: [{nodeName: alder, orchestrator: k8s}],
        wireguard: {interfaceIPv4Address: 10.99.0.1},
        interfaces: [{name: eth0, addresses: [192.0.2.11]}],
        addresses: [{address: 192.0.2.11/24, type: CalicoNodeIP},
          {address: 192.0.2.11, type: InternalIP}, {address: 198.51.100.1, type: ExternalIP},
          {address: 198.51.100.1, type: ExternalIP}, {address: alder.example, type: InternalDNS}]}`),
    ),
  ).toEqual({
    kind: "Node",
    name: "alder",
    ipv4: { address: "192.0.2.11", subnetLength: 24, source: "BGP" },
    ipv6: { address: "2001:db8:7::b", subnetLength: 64, source: "BGP" },
    tunnel: {
      vxlan: "10.77.3.64",
      vxlanMac: "66:01:02:03:04:05",
      vxlan6: "fd77::40",
      vxlan6Mac: "66:01:02:03:04:06",
      ipip: "10.88.0.1",
    },
    otherAddresses: ["198.51.100.1"],
    podCidrs: [],
  });
});

test.each([
  ["{bgp: {ipv4Address: 192.0.2.11}}", { ipv4: { address: "192.0.2.11", source: "BGP" } }],
  ["{bgp: null}", { otherAddresses: [] }],
  [
    "{addresses: [{address: 198.51.100.1, type: ExternalIP}, {address: 192.0.2.5, type: InternalIP}]}",
    { ipv4: { address: "192.0.2.5", source: "InternalIP" }, otherAddresses: ["198.51.100.1"] },
  ],
  [
    "{addresses: [{address: '2001:db8::1', type: ExternalIP}]}",
    { ipv6: { address: "2001:db8::1", source: "ExternalIP" } },
  ],
  ["{addresses: [{address: 0.0.0.0, type: InternalIP}]}", { otherAddresses: [] }],
])("readRecord reads the Node %s", (spec, expected) => {
  expect(read(node(spec))).toMatchObject(expected);
});

test("readRecord takes a Node's podCIDRs from its status", () => {
  const text = `{apiVersion: projectcalico.org/v3, kind: Node, metadata: {name: n}, spec: {},
    status: {podCIDRs: [10.99.1.0/24, "fd99::/64"], wireguardPublicKey: x}}`;
  expect(read(text)).toMatchObject({ podCidrs: ["10.99.1.0/24", "fd99::/64"] });
});

test.each([
  [
    "{bgp: {ipv4Address: 192.0.2.300/24}}",
    'error: spec.bgp.ipv4Address "192.0.2.300/24": "192.0.2.300" is not an IP address',
  ],
  [
    "{bgp: {ipv4Address: '2001:db8::1/64'}}",
    'error: spec.bgp.ipv4Address "2001:db8::1/64": not an IPv4 address',
  ],
  [
    "{bgp: {ipv4Address: 0.0.0.0/0}}",
    'error: spec.bgp.ipv4Address "0.0.0.0/0": the unspecified address names no node',
  ],
  [
    "{bgp: {ipv4Adress: 192.0.2.1}}",
    "warning: spec.bgp.ipv4Adress: no such field; did you mean ipv4Address?",
  ],
  [
    "{vxlanTunnelMACAddr: '01:00:00:00:00:01'}",
    'error: spec.vxlanTunnelMACAddr "01:00:00:00:00:01": not a unicast MAC address',
  ],
  ["{vxlanTunnelMACAddr: 66}", "error: spec.vxlanTunnelMACAddr 66: must be a string, not a number"],
  [
    "{ipv6VXLANTunnelAddr: 10.0.0.1}",
    'error: spec.ipv6VXLANTunnelAddr "10.0.0.1": not an IPv6 address',
  ],
  [
    "{podCIDRs: [10.0.0.1/24]}",
    'error: spec.podCIDRs[0] "10.0.0.1/24": has host bits set; the prefix is 10.0.0.0/24',
  ],
])("readRecord says what is wrong with the Node %s", (spec, expected) => {
  expect(problemsOf(node(spec))).toEqual([expected]);
});

test("readRecord reads a core Node with Calico's annotations", () => {
  expect(
    read(`
apiVersion: v1
kind: Node
metadata:
  name: alder
  annotations:
    projectcalico.org/IPv4Address: 192.0.2.11/24
    projectcalico.org/IPv6Address: 2001:db8:7::b/64
    projectcalico.org/IPv4IPIPTunnelAddr: 10.88.0.1
    projectcalico.org/IPv4VXLANTunnelAddr: 10.77.3.64
    projectcalico.org/VXLANTunnelMACAddr: "66:01:02:03:04:05"
    projectcalico.org/IPv6VXLANTunnelAddr: fd77::40
    projectcalico.org/VXLANTunnelMACAddrV6: "66:01:02:03:04:06"
    something.else/entirely: "yes"
spec: {podCIDR: 10.99.1.0/24, podCIDRs: [10.99.1.0/24, "fd99::/64"], providerID: x}
status:
  addresses: [{type: InternalIP, address: 192.0.2.11}, {type: Hostname, address: alder},
    {type: ExternalIP, address: 198.51.100.7}]
  nodeInfo: {kernelVersion: "6.1"}
`),
  ).toEqual({
    kind: "Node",
    name: "alder",
    ipv4: { address: "192.0.2.11", subnetLength: 24, source: "BGP" },
    ipv6: { address: "2001:db8:7::b", subnetLength: 64, source: "BGP" },
    tunnel: {
      vxlan: "10.77.3.64",
      vxlanMac: "66:01:02:03:04:05",
      vxlan6: "fd77::40",
      vxlan6Mac: "66:01:02:03:04:06",
      ipip: "10.88.0.1",
    },
    otherAddresses: ["198.51.100.7"],
    podCidrs: ["10.99.1.0/24", "fd99::/64"],
  });
});

test("readRecord passes over a wrong annotation of a core Node with a warning", () => {
  const text = `{apiVersion: v1, kind: Node, metadata: {name: n, annotations: {
    projectcalico.org/IPv4Address: nowhere, projectcalico.org/IPv4VXLANTunnelAddr: 10.77.3.64}},
    spec: {podCIDR: 10.99.1.0/24}, status: {addresses: [{type: InternalIP, address: 192.0.2.9}]}}`;
  expect(read(text)).toMatchObject({
    plain: {
      ipv4: { address: "192.0.2.9", source: "InternalIP" },
      tunnel: { vxlan: "10.77.3.64" },
      podCidrs: ["10.99.1.0/24"],
    },
    lines: [
      'warning: metadata.annotations["projectcalico.org/IPv4Address"] "nowhere": not an IP address',
    ],
  });
});

const felix = (spec: string, name = "default"): string =>
  `{apiVersion: projectcalico.org/v3, kind: FelixConfiguration, metadata: {name: ${name}}, spec: ${spec}}`;

test("readRecord reads the overlay's settings of a FelixConfiguration, and knows the others", () => {
  expect(
    read(
      felix(`{vxlanEnabled: true, ipipEnabled: false, vxlanVNI: 5000, vxlanPort: 4799,
        vxlanMTU: 1430, vxlanMTUV6: 0, ipipMTU: 1440, deviceRouteSourceAddress: 192.0.2.1,
        deviceRouteSourceAddressIPv6: "2001:db8::1", routeRefreshInterval: 1m30s,
        programClusterRoutes: Enabled, logSeverityScreen: Info, bpfEnabled: false}`),
    ),
  ).toEqual({
    kind: "FelixConfiguration",
    name: "default",
    settings: {
      vxlanEnabled: true,
      ipipEnabled: false,
      vxlanVni: 5000,
      vxlanPort: 4799,
      vxlanMtu: 1430,
      vxlanMtu6: 0,
      ipipMtu: 1440,
      routeSource: "192.0.2.1",
      routeSource6: "2001:db8::1",
      routeRefreshInterval: 90_000,
    },
  });
});

test.each([
  ["{routeRefreshInterval: 90}", 90_000],
  ["{routeRefreshInterval: '0'}", 0],
  ["{routeRefreshInterval: 500ms}", 500],
])("readRecord reads the FelixConfiguration %s", (spec, interval) => {
  expect(read(felix(spec, "node.alder"))).toMatchObject({
    name: "node.alder",
    settings: { routeRefreshInterval: interval },
  });
});

test.each([
  ["{vxlanVNI: 0}", "error: spec.vxlanVNI 0: not in 1 to 16777215"],
  ["{vxlanVNI: 16777216}", "error: spec.vxlanVNI 16777216: not in 1 to 16777215"],
  ["{vxlanPort: 65536}", "error: spec.vxlanPort 65536: not in 1 to 65535"],
  ["{vxlanPort: '4789'}", 'error: spec.vxlanPort "4789": must be an integer, not a string'],
  ["{vxlanMTU: 575}", "error: spec.vxlanMTU 575: neither 0 nor in 576 to 65535"],
  ["{vxlanMTUV6: 1279}", "error: spec.vxlanMTUV6 1279: neither 0 nor in 1280 to 65535"],
  ["{ipipMTU: 65536}", "error: spec.ipipMTU 65536: neither 0 nor in 576 to 65535"],
  [
    "{routeRefreshInterval: often}",
    'error: spec.routeRefreshInterval "often": not a duration such as 90s or 1m30s',
  ],
  ["{vxlanMtu: 1400}", "warning: spec.vxlanMtu: no such field; did you mean vxlanMTU?"],
])("readRecord says what is wrong with the FelixConfiguration %s", (spec, expected) => {
  expect(problemsOf(felix(spec))).toEqual([expected]);
});

test("readRecord applies no FelixConfiguration but default and node.NAME", () => {
  expect(problemsOf(felix("{vxlanVNI: 1}", "other"))).toEqual([
    'warning: metadata.name "other": only default and node.NAME are applied',
  ]);
});

test.each([
  ["a text", "error: : not a resource but a string; expected apiVersion, kind, metadata, spec"],
  ["[1]", "error: : not a resource but a list; expected apiVersion, kind, metadata, spec"],
  ["{a: 1}", "error: kind: missing"],
  ["{kind: IPPool}", "error: apiVersion: missing; use projectcalico.org/v3"],
  [
    "{kind: Node, apiVersion: v2}",
    'error: apiVersion "v2": not known for Node; use projectcalico.org/v3 or v1',
  ],
  [
    "{kind: IPool, apiVersion: projectcalico.org/v3}",
    'error: kind "IPool": no such kind; did you mean IPPool?',
  ],
  [
    "{kind: ConfigMap, apiVersion: v1}",
    'warning: kind "ConfigMap": not a kind that causeway uses (IPPool, IPAMBlock, Node, FelixConfiguration)',
  ],
  ["{kind: Node, apiVersion: v1}", "error: metadata.name: missing"],
  [
    "{kind: Node, apiVersion: projectcalico.org/v3, metadata: {name: ''}}",
    "error: metadata.name: empty",
  ],
  [
    "{kind: Node, apiVersion: projectcalico.org/v3, metadata: {name: 7}}",
    "error: metadata.name 7: must be a string, not a number",
  ],
  [
    "{kind: Node, apiVersion: projectcalico.org/v3, metadata: {name: n}, bgp: {}}",
    "warning: bgp: no such field; did you mean spec.bgp?",
  ],
  [
    "{kind: IPPool, apiVersion: projectcalico.org/v3, metadata: {name: n}, spec: {cidr: 10.0.0.0/8}, vxlanMode: Always}",
    "warning: vxlanMode: no such field; did you mean spec.vxlanMode?",
  ],
])("readRecord says what is wrong with %s", (text, expected) => {
  expect(problemsOf(text)).toEqual([expected]);
});

test.each(["BlockAffinity", "ClusterInformation", "IPAMHandle", "WorkloadEndpoint"])(
  "readRecord passes over Calico's %s in silence",
  (kind) => {
    expect(read(`{kind: ${kind}, apiVersion: projectcalico.org/v3, metadata: {name: x}}`)).toBe(
      undefined,
    );
  },
);

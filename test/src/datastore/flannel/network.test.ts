import { expect, test } from "vitest";
import { networkEntries } from "../../../../src/datastore/flannel/network-entries.ts";

const WHERE = "/coreos.com/network/config";

/** Resources and problems, each entry in the order of Backend, Network, IPv6Network. */
function read(config: unknown) {
  const text = typeof config === "string" ? config : JSON.stringify(config);
  return networkEntries(text, WHERE).map(({ file, resource, problems }) => ({
    file,
    resource: resource && JSON.parse(JSON.stringify(resource)),
    problems: problems.map(({ severity, field, reason }) => `${severity} ${field}: ${reason}`),
  }));
}

function resources(config: unknown): unknown[] {
  return read(config).map(({ resource }) => resource);
}

function problems(config: unknown): string[] {
  return read(config)[0]?.problems ?? [];
}

const VXLAN = { Type: "vxlan" };

test("networkEntries makes a pool and settings of a plain network", () => {
  expect(read({ Network: "10.5.0.0/16", Backend: VXLAN })).toEqual([
    {
      file: `${WHERE} Backend`,
      resource: {
        kind: "FelixConfiguration",
        name: "default",
        settings: { vxlanVni: 1, vxlanPort: 8472 },
      },
      problems: [],
    },
    {
      file: `${WHERE} Network`,
      resource: {
        kind: "IPPool",
        name: "flannel",
        cidr: "10.5.0.0/16",
        encap: "vxlan",
        mode: "Always",
        routed: true,
        natOutgoing: false,
      },
      problems: [],
    },
    { file: `${WHERE} IPv6Network`, resource: undefined, problems: [] },
  ]);
});

test("networkEntries takes every option of the backend, names in any case", () => {
  const backend = { type: "VXLAN", vni: 4096, PORT: 4789, Mtu: 9000, directrouting: true };
  const config = {
    network: "10.5.0.0/16",
    ENABLEIPV6: true,
    ipv6network: "fd00:5::/48",
    backend,
  };
  expect(resources(config)).toEqual([
    {
      kind: "FelixConfiguration",
      name: "default",
      settings: { vxlanVni: 4096, vxlanPort: 4789, vxlanMtu: 8950, vxlanMtu6: 8930 },
    },
    expect.objectContaining({ name: "flannel", mode: "CrossSubnet" }),
    expect.objectContaining({ name: "flannel-v6", cidr: "fd00:5::/48", mode: "CrossSubnet" }),
  ]);
});

test("networkEntries clears host bits, and leaves a family out that is off", () => {
  const config = {
    EnableIPv4: false,
    EnableIPv6: true,
    Network: "10.5.0.0/16",
    IPv6Network: "fd00:5::1/48",
    Backend: VXLAN,
  };
  expect(resources(config).slice(1)).toEqual([
    undefined,
    expect.objectContaining({ cidr: "fd00:5::/48" }),
  ]);
});

test.each([
  [
    { Network: "10.5.0.0/16" },
    "error Backend.Type: causeway joins flannel networks of type vxlan only",
  ],
  [
    { Network: "10.5.0.0/16", Backend: { Type: "host-gw" } },
    "error Backend.Type: causeway joins flannel networks of type vxlan only",
  ],
  [{ Backend: VXLAN }, "error Network: missing"],
  [{ Network: "10.5.0.0", Backend: VXLAN }, "error Network: has no prefix length"],
  [{ Network: "fd00::/48", Backend: VXLAN }, "error Network: is not an IPv4 prefix"],
  [{ Network: 10, Backend: VXLAN }, "error Network: must be a string"],
  [
    { Network: "10.5.0.0/16", SubnetMin: "10.6.0.0", Backend: VXLAN },
    "error SubnetMin: is not in 10.5.0.0/16",
  ],
  [
    { Network: "10.5.0.0/16", Backend: { Type: "vxlan", VNI: 2 ** 24 } },
    "error Backend.VNI: not a whole number from 1 to 16777215",
  ],
  [
    { Network: "10.5.0.0/16", Backend: { Type: "vxlan", DirectRouting: "yes" } },
    "error Backend.DirectRouting: must be true or false",
  ],
  [[], "error undefined: must be an object"],
])("networkEntries refuses %j", (config, problem) => {
  expect(problems(config)).toContain(problem);
  expect(resources(config)).toEqual([undefined, undefined, undefined]);
});

test("networkEntries refuses what is no JSON, once and for all parts", () => {
  const entries = read("{");
  expect(entries.map(({ resource }) => resource)).toEqual([undefined, undefined, undefined]);
  expect(entries.every(({ problems }) => problems.length === 1)).toBe(true);
  expect(entries[0]?.problems[0]).toMatch(/^error undefined: not JSON/);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseCidr } from "../../../../encap/address/cidr.ts";
import type { TunnelMtu } from "../../../../encap/encap-mode.ts";
import { readNetwork } from "../../../../src/datastore/flannel/network.ts";
import { ProblemList } from "../../../../src/datastore/record-problem.ts";
import {
  formatSubnetFile,
  parseSubnetFile,
  type SubnetFacts,
  SubnetFile,
} from "../../../../src/register/flannel/subnet-file.ts";
import type { LocalTunnel, LocalTunnels } from "../../../../tunnels/desired/local-tunnel.ts";

const NETWORK = readNetwork(
  {
    Network: "10.5.0.0/16",
    EnableIPv6: true,
    IPv6Network: "fd00:5::/32",
    Backend: { Type: "vxlan" },
  },
  new ProblemList(),
);
if (NETWORK === undefined) throw new RangeError("no network");
const network = NETWORK;

const FOUR: SubnetFacts = { network, subnets: [parseCidr("10.5.52.0/24")] };
const BOTH: SubnetFacts = {
  network,
  subnets: [parseCidr("fd00:5:52::/64"), parseCidr("10.5.52.0/24")],
};
const TUNNELS: LocalTunnels = { vxlan: { mtu: 1450 as TunnelMtu } as LocalTunnel };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "causeway-subnet-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function fileAt(path: string, facts: SubnetFacts | undefined): SubnetFile {
  return new SubnetFile(path, pino({ level: "silent" }), () => facts);
}

test("formatSubnetFile writes what flannel writes, in its order", () => {
  expect(formatSubnetFile(FOUR, 1450)).toBe(
    "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.52.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n",
  );
  expect(formatSubnetFile(BOTH, 1430)).toBe(
    "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.52.1/24\n" +
      "FLANNEL_IPV6_NETWORK=fd00:5::/32\nFLANNEL_IPV6_SUBNET=fd00:5:52::1/64\n" +
      "FLANNEL_MTU=1430\nFLANNEL_IPMASQ=false\n",
  );
});

test("parseSubnetFile finds the subnet again, and nothing in what is none", () => {
  expect(String(parseSubnetFile(formatSubnetFile(BOTH, 1430)))).toBe("10.5.52.0/24");
  for (const text of [
    "",
    "FLANNEL_SUBNET=",
    "FLANNEL_SUBNET=10.5.52.1",
    "FLANNEL_SUBNET=fd00::1/64",
  ]) {
    expect(parseSubnetFile(text)).toBeUndefined();
  }
});

test("a SubnetFile is written once there is a lease and a tunnel, with its directory", () => {
  const path = join(directory, "run", "subnet.env");
  const none = fileAt(path, undefined);
  none.keep(undefined, TUNNELS);
  const file = fileAt(path, FOUR);
  expect(file.previous()).toBeUndefined();
  file.keep(undefined, {});
  expect(readdirSync(directory)).toEqual([]);
  file.keep(undefined, TUNNELS);
  expect(readdirSync(join(directory, "run"))).toEqual(["subnet.env"]);
  expect(readFileSync(path, "utf8")).toBe(formatSubnetFile(FOUR, 1450));
  expect(String(file.previous())).toBe("10.5.52.0/24");
});

test("a SubnetFile that cannot be written is a problem until it can", () => {
  writeFileSync(join(directory, "run"), "in the way");
  const file = fileAt(join(directory, "run", "subnet.env"), FOUR);
  file.keep(undefined, TUNNELS);
  expect(file.problems()).toMatchObject([{ subject: "pods", severity: "error" }]);
  rmSync(join(directory, "run"));
  file.keep(undefined, TUNNELS);
  expect(file.problems()).toEqual([]);
});

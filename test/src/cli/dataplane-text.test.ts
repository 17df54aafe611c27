import { expect, test } from "vitest";
import { dataplaneText } from "../../../src/cli/dataplane-text.ts";
import type { TunnelReport } from "../../../src/observe/status.ts";

const KERNEL: TunnelReport = {
  tunnel: "VXLAN",
  carriedBy: "kernel",
  engine: undefined,
  whyNotKernel: undefined,
  whyNotBetter: undefined,
};
const USERSPACE: TunnelReport = {
  tunnel: "IP-in-IP",
  carriedBy: "userspace",
  engine: "batch",
  whyNotKernel: "this kernel cannot make ipip devices: Unknown device type",
  whyNotBetter: "the TUN device has no offloads",
};
const NEVER = { count: 0, lastReason: undefined, lastAt: undefined };
const TRAFFIC = {
  sent: { packets: 12_000, bytes: 1 },
  received: { packets: 1, bytes: 1 },
  drops: [],
  restarts: NEVER,
};

test("dataplaneText says nothing where the kernel carries everything", () => {
  expect(dataplaneText({ tunnels: [KERNEL], dataPath: undefined })).toEqual([]);
});

test("dataplaneText names engine, reasons and traffic", () => {
  const tunnels = [KERNEL, USERSPACE, { ...USERSPACE, tunnel: "VXLAN", whyNotBetter: undefined }];
  expect(dataplaneText({ tunnels, dataPath: TRAFFIC })).toEqual([
    "userspace IP-in-IP by the batch engine: the TUN device has no offloads",
    "          VXLAN by the batch engine",
    "          why not the kernel: this kernel cannot make ipip devices: Unknown device type",
    "          12,000 packets out, 1 packet in, none dropped",
  ]);
});

test("dataplaneText names drops by reason, and a worker that died", () => {
  const drops = [
    { reason: "no-remote", text: "no node has it", packets: 7 },
    { reason: "wrong-vni", text: "another VNI", packets: 1 },
  ];
  const restarts = { count: 2, lastReason: "out of memory", lastAt: Date.now() - 61_000 };
  const lines = dataplaneText({ tunnels: [USERSPACE], dataPath: { ...TRAFFIC, drops, restarts } });
  expect(lines.slice(2)).toEqual([
    "          12,000 packets out, 1 packet in, 8 dropped",
    "            7: no node has it",
    "            1: another VNI",
    expect.stringMatching(/^ {10}worker restarted 2 times, last .* ago: out of memory$/),
  ]);
});

test("dataplaneText says where an endpoint is not served", () => {
  const tunnels = [{ ...USERSPACE, engine: undefined, whyNotBetter: "address in use" }];
  expect(dataplaneText({ tunnels, dataPath: undefined })[0]).toBe(
    "userspace IP-in-IP not served: address in use",
  );
});

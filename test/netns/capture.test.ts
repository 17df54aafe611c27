// `causeway capture` on devices of two network namespaces, with tcpdump beside it. And what its lines come from and go
// to: pipes, files, signals.
//
//   cwcap-…-a  192.0.2.1   eth0  ──────── eth0   192.0.2.2   cwcap-…-b
//              10.244.0.1  vxlan          vxlan  10.244.0.2

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { encodePcapHeader, encodePcapRecord } from "../../encap/capture/pcap.ts";
import { programFile } from "../../src/demo/agent-process.ts";
import { deviceIndex } from "../../src/native/device-request.ts";
import { bindSocket, closeDescriptor, openSocket, send } from "../../src/native/linux.ts";
import { inNetworkNamespace } from "../../src/native/network-namespace.ts";
import { openTun } from "../../src/native/tun.ts";
import { eventually } from "../support/cluster.ts";

const run = promisify(execFile);
const PREFIX = `cwcap-${process.pid}`;
const [A, B] = [`${PREFIX}-a`, `${PREFIX}-b`];
const isRoot = process.getuid?.() === 0;
let folder: string;

const ip = (text: string): Promise<unknown> => run("ip", text.split(" "));
const ping = (to: string, ...more: string[]): Promise<unknown> =>
  run("ip", ["netns", "exec", A, "ping", "-c1", "-W2", ...more, to]).catch(() => undefined);

beforeAll(async () => {
  if (!isRoot) return;
  folder = mkdtempSync(join(tmpdir(), "causeway-capture-"));
  for (const name of [A, B]) await ip(`netns add ${name}`);
  await ip(`link add eth0 netns ${A} type veth peer name eth0 netns ${B}`);
  for (const [at, name] of [A, B].entries()) {
    const number = at + 1;
    await run("ip", ["netns", "exec", name, "ethtool", "-K", "eth0", "tx", "off"]);
    await run("ip", ["netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
    await ip(`-n ${name} link set eth0 up`);
    await ip(`-n ${name} address add 192.0.2.${number}/24 dev eth0`);
    const remote = `remote 192.0.2.${3 - number} local 192.0.2.${number} dev eth0 dstport 4789`;
    await ip(`-n ${name} link add vxlan type vxlan id 4096 ${remote}`);
    await ip(`-n ${name} link set vxlan up`);
    await ip(`-n ${name} address add 10.244.0.${number}/24 dev vxlan`);
  }
  // What is asked and answered once, so that it is not in the captures.
  for (const to of ["192.0.2.2", "10.244.0.2"]) await ping(to);
});
beforeEach((context) => {
  if (!isRoot) context.skip("needs root");
});
afterAll(async () => {
  if (!isRoot) return;
  for (const name of [A, B]) await ip(`netns delete ${name}`);
  rmSync(folder, { recursive: true });
});

interface Running {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** Its exit code. */
  readonly ended: Promise<number | null>;
}

function start(command: readonly string[], netns = A, env = process.env): Running {
  const child = spawn("ip", ["netns", "exec", netns, ...command], { env });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (part) => {
    output.stdout += part;
  });
  child.stderr.on("data", (part) => {
    output.stderr += part;
  });
  return { child, output, ended: once(child, "close").then(([code]) => code as number | null) };
}

const program = (...words: string[]): string[] => [process.execPath, programFile(), ...words];

async function listening(running: Running): Promise<Running> {
  await eventually(() => {
    expect(running.output.stderr).toMatch(/listening on|capturing from/);
  });
  return running;
}

interface Told {
  readonly number: number;
  readonly time: string;
  readonly layers: readonly { readonly kind: string; readonly [field: string]: unknown }[];
}

const parseLines = (text: string): Told[] =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Told);

async function decode(path: string): Promise<Told[]> {
  const { stdout } = await run(process.execPath, [programFile(), "decode", "--json", path]);
  return parseLines(stdout);
}

/** For VLAN 5, priority 6: a receiving kernel takes the tag out of the packet, and keeps it beside. */
const TAGGED = "ffffffffffff0200000000018100c005080045000014000000004011b6e8c0000201c0000202";

const IPV4_PACKET = "4500001400000000400166e70a0000010a000002";

function sendFrame(hex: string): void {
  inNetworkNamespace(`/run/netns/${A}`, () => {
    const [AF_PACKET, SOCK_RAW] = [17, 3];
    const fd = openSocket(AF_PACKET, SOCK_RAW, 0);
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setInt32(4, deviceIndex(fd, "eth0"), true);
    bindSocket(fd, address);
    const frame = Buffer.from(hex, "hex");
    expect(send(fd, frame, 0)).toBe(frame.length);
    closeDescriptor(fd);
  });
}

test("capture tells what tcpdump keeps, both ways, VLAN tags and all, until Ctrl-C", async () => {
  const [ours, theirs] = ["ours.pcap", "theirs.pcap"].map((name) => join(folder, name)) as [
    string,
    string,
  ];
  const capture = await listening(start(program("capture", "eth0", "--json", "--write", ours)));
  const tcpdump = await listening(start(["tcpdump", "-U", "-i", "eth0", "-w", theirs], B));
  await ping("192.0.2.2");
  sendFrame(TAGGED);
  await ping("10.244.0.2", "-s", "1000");
  await eventually(async () => expect(await decode(theirs)).toHaveLength(5));
  for (const { child, ended } of [capture, tcpdump]) {
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  }
  expect(capture.output.stderr).toMatch(/\n5 packets captured, 0 dropped by the kernel\n$/);
  const live = parseLines(capture.output.stdout);
  const withoutTime = (told: readonly Told[]): object[] => told.map(({ time: _, ...rest }) => rest);
  expect(withoutTime(live)).toEqual(withoutTime(await decode(theirs)));
  expect(live).toEqual(await decode(ours));
  const vlans = live.map(({ layers }) => layers[0]?.["vlans"]);
  expect(vlans).toEqual([[], [], [5], [], []]);
  expect(live[3]?.layers.map(({ kind }) => kind)).toEqual([
    ...["ethernet", "ip", "udp", "vxlan", "ethernet", "ip", "icmp"],
  ]);
  const age = Date.now() / 1000 - Number(live[0]?.time);
  expect(age).toBeGreaterThan(0);
  expect(age).toBeLessThan(60);
});

test("capture ends after --count packets", async () => {
  const capture = await listening(start(program("capture", "vxlan", "--count", "2")));
  await ping("10.244.0.2");
  expect(await capture.ended).toBe(0);
  expect(capture.output.stdout).toMatch(
    /^\S+ +98 {2}IP 10\.244\.0\.1 > 10\.244\.0\.2: ICMP echo request.*\n\S+ +98 {2}IP 10\.244\.0\.2 > 10\.244\.0\.1: ICMP echo reply.*\n$/,
  );
});

test("decode follows a pipe that capture writes to", async () => {
  const [capture, decoder] = ["capture eth0 --count 2 --write -", "decode -"].map((words) =>
    program(...words.split(" ")).join(" "),
  );
  const pipeline = await listening(start(["sh", "-c", `${capture} | ${decoder}`]));
  await ping("10.244.0.2");
  expect(await pipeline.ended).toBe(0);
  expect(pipeline.output.stdout).toMatch(
    /VXLAN vni 4096: IP 10\.244\.0\.1 > 10\.244\.0\.2.*\n.*\n$/,
  );
});

test("encap writes to a pipe whose reader is slow", async () => {
  const input = join(folder, "many.pcap");
  const packet = { time: 1n, linkType: 101, bytes: Buffer.from(IPV4_PACKET, "hex"), length: 20 };
  const records = Array.from({ length: 5_000 }, () => encodePcapRecord(packet));
  writeFileSync(input, Buffer.concat([encodePcapHeader(101), ...records]));
  const words = `encap ${input} - --mode ipip --local 192.0.2.1 --remote 192.0.2.2`.split(" ");
  const pipeline = start(["sh", "-c", `${program(...words).join(" ")} | (sleep 1; wc -c)`]);
  expect(await pipeline.ended).toBe(0);
  expect(pipeline.output.stderr).toContain("5,000 packets of 5,000 encapsulated");
  expect(Number(pipeline.output.stdout)).toBe(24 + 5_000 * (16 + 20 + 20));
});

test("capture reads devices without Ethernet headers, and each packet of lo once", async () => {
  const fd = inNetworkNamespace(`/run/netns/${A}`, () => openTun("tun0", false));
  try {
    await ip(`-n ${A} link set tun0 up`);
    await ip(`-n ${A} address add 203.0.113.1/24 dev tun0`);
    const file = join(folder, "tun.pcap");
    const words = ["capture", "tun0", "--count", "1", "--json", "--write", file];
    const capture = await listening(start(program(...words)));
    await ping("203.0.113.9", "-W", "0.1");
    expect(await capture.ended).toBe(0);
    const [packet] = await decode(file);
    expect(packet?.layers.map(({ kind }) => kind)).toEqual(["ip", "icmp"]);
  } finally {
    closeSync(fd);
  }
  await ip(`-n ${A} link set lo up`);
  const capture = await listening(start(program("capture", "lo", "--count", "2")));
  await ping("127.0.0.1");
  expect(await capture.ended).toBe(0);
  expect(capture.output.stdout).toMatch(/echo request.*\n.*echo reply.*\n$/);
});

test("capture says that its device is gone, and outlives one that goes down and up", async () => {
  await ip(`-n ${A} link add gone type veth peer name other`);
  await ip(`-n ${A} link set gone up`);
  const capture = await listening(start(program("capture", "gone")));
  await ip(`-n ${A} link set gone down`);
  await ip(`-n ${A} link set gone up`);
  await ip(`-n ${A} link delete gone`);
  expect(await capture.ended).toBe(70);
  expect(capture.output.stderr).toMatch(/causeway: cannot capture from gone any more: .*ENETDOWN/);
});

test.each([
  ["a device that is not there", ["nothere"], 70, /there is no device "nothere"\n {2}→ ip link/],
  ["a file that cannot be made", ["lo", "--write", "/nowhere/x"], 70, /cannot write \/nowhere\/x/],
  ["a count of none", ["lo", "--count", "0"], 64, /--count "0": not a number from 1/],
])("capture refuses %s", async (_, words, code, message) => {
  const capture = start(program("capture", ...words));
  expect(await capture.ended).toBe(code);
  expect(capture.output.stderr).toMatch(message);
});

test("capture without koffi says what is missing; decode needs none", async () => {
  const hook = join(folder, "no-koffi.cjs");
  writeFileSync(
    hook,
    `const { _load } = require("module");
     require("module")._load = (name, ...rest) => {
       if (name === "koffi") throw new Error("no native addon for this machine");
       return _load(name, ...rest);
     };`,
  );
  const env = { ...process.env, NODE_OPTIONS: `--require ${hook}` };
  const capture = start(program("capture", "lo"), A, env);
  expect(await capture.ended).toBe(70);
  expect(capture.output.stderr).toMatch(
    /cannot load koffi, which makes the system calls: no native/,
  );
  const decoder = start(program("decode", join(folder, "ours.pcap")), A, env);
  expect(await decoder.ended).toBe(0);
});

// Captures that scapy makes, told by us and by tshark.

import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { causeway } from "../../support/command-line.ts";
import {
  makeScapyCaptures,
  type ScapyCaptures,
  scapyObstacle,
} from "../../support/scapy/captures.ts";
import { askTshark, type FoundPacket, tsharkObstacle } from "../../support/tshark.ts";

const PORTS = [8472, 9999];
const obstacle = scapyObstacle() ?? tsharkObstacle();

interface ToldLayer {
  readonly kind: string;
  readonly [field: string]: unknown;
}

interface ToldPacket {
  readonly number: number;
  readonly time?: string;
  readonly length: number;
  readonly captured: number;
  readonly outer?: object;
  readonly inner?: object;
  readonly vni?: number;
  readonly refused?: { readonly reason: string };
  readonly layers: readonly ToldLayer[];
}

async function decode(path: string): Promise<ToldPacket[]> {
  const flags = PORTS.flatMap((port) => ["--port", String(port)]);
  const { code, stdout, stderr } = await causeway(["decode", "--json", ...flags, path]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as ToldPacket);
}

const ofKind = (packet: ToldPacket, kind: string): ToldLayer[] =>
  packet.layers.filter((layer) => layer.kind === kind);

describe("causeway decode", () => {
  let captures: ScapyCaptures;
  let found: Map<string, FoundPacket[]>;

  beforeAll(() => {
    if (obstacle !== undefined) return;
    captures = makeScapyCaptures();
    const all = askTshark(captures.names.map(captures.path), PORTS);
    found = new Map(
      captures.names.map((name) => [name, all.splice(0, captures.refused(name).length)]),
    );
    expect(all).toEqual([]);
  });
  beforeEach((context) => {
    if (obstacle !== undefined) context.skip(obstacle);
  });
  afterAll(() => captures?.remove());

  test("has at least thirty captures to be tried on", () => {
    expect(captures.names.length).toBeGreaterThanOrEqual(30);
  });

  test("agrees with tshark on every packet", async () => {
    for (const name of captures.names) {
      const told = await decode(captures.path(name));
      const asked = found.get(name) ?? [];
      expect(told.length, name).toBe(asked.length);
      for (const [at, packet] of told.entries()) {
        expectAgreement(packet, asked[at] as FoundPacket, `${name}, packet ${packet.number}`);
      }
    }
  });

  test("says why a packet would be refused, and of no other that it would", async () => {
    for (const name of captures.names) {
      const told = await decode(captures.path(name));
      expect(
        told.map(({ refused }) => refused?.reason ?? null),
        name,
      ).toEqual(captures.refused(name));
    }
  });

  test("prints a line for each packet, of what it holds", async () => {
    const { stdout } = await causeway(["decode", captures.path("nested.pcap")]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[3]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{6} {4}174 {2}IP6 2001:db8::1\.40000 > 2001:db8::2\.4789: VXLAN vni 8: IP 192\.0\.2\.1\.40000 > 192\.0\.2\.2\.4789: VXLAN vni 7: IP 10\.244\.0\.5\.20 > 10\.244\.1\.7\.80: TCP \[S\], .*, length 0$/,
    );
    const refused = await causeway(["decode", captures.path("congestion.pcap")]);
    expect(refused.stdout).toContain("[refused: congestion mark on a packet that cannot carry it");
    const cut = await causeway(["decode", captures.path("cut-at-64.pcap")]);
    expect(cut.stdout.match(/\[rest not captured\]$/gm)).toHaveLength(12);
  });

  test("prints what is before the damage, says where it is, and ends with 1", async () => {
    const whole = readFileSync(captures.path("vxlan.pcapng"));
    const path = captures.path("cut-off.pcapng");
    writeFileSync(path, whole.subarray(0, whole.length - 30));
    const { code, stdout, stderr } = await causeway(["decode", path]);
    expect(code).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(5);
    expect(stderr).toMatch(/^causeway: .*cut-off\.pcapng: offset \d+: the file ends in a record/);
  });
});

/** What we tell is what tshark tells; where we stop with a reason, it may tell more. */
function expectAgreement(packet: ToldPacket, asked: FoundPacket, where: string): void {
  const isStopped = ["refused", "uncaptured"].includes(packet.layers.at(-1)?.kind ?? "");
  const { length, captured } = packet;
  expect({ length, captured }, where).toEqual({ length: asked.length, captured: asked.captured });
  expectTime(packet.time, asked.time, where);
  const ips = ofKind(packet, "ip").map((layer) => {
    const { source, destination, protocol, length } = layer;
    return { source, destination, protocol, length };
  });
  const udps = ofKind(packet, "udp").map(({ sourcePort, length }) => {
    return { source: sourcePort, length: Number(length) + 8 };
  });
  const vnis = ofKind(packet, "vxlan").map(({ vni }) => vni);
  const vlans = packet.layers.flatMap(({ vlans }) => (vlans as number[] | undefined) ?? []);
  const count = isStopped ? ips.length : asked.ips.length;
  expect(ips, where).toEqual(asked.ips.slice(0, count));
  // Less than a header is no data to us.
  const datagrams = asked.udps.map((udp) => ({ ...udp, length: Math.max(8, udp.length) }));
  expect(udps, where).toEqual(datagrams.slice(0, isStopped ? udps.length : datagrams.length));
  expect(vnis, where).toEqual(asked.vnis.slice(0, isStopped ? vnis.length : asked.vnis.length));
  expect(vlans, where).toEqual(asked.vlans.slice(0, isStopped ? vlans.length : asked.vlans.length));
  expect(packet.outer, where).toEqual(ips[0]);
  expect(packet.inner, where).toEqual(ips.length > 1 ? ips.at(-1) : undefined);
  expect(packet.vni, where).toBe(vnis.at(-1));
}

/** Merging the files costs some of them the last digits: a microsecond at most. */
function expectTime(told: string | undefined, asked: string, where: string): void {
  if (told === undefined) return;
  const [ours, theirs] = [told, asked].map((text) => BigInt(text.replace(".", "")));
  const distance = Number((ours as bigint) - (theirs as bigint));
  expect(Math.abs(distance), where).toBeLessThan(where.startsWith("binary") ? 1_000 : 1);
}

// What the encap command writes, told by tshark, by our own decoder, and taken apart again.

import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { CaptureReader } from "../../../encap/capture/capture-reader.ts";
import { causeway } from "../../support/command-line.ts";
import {
  makeScapyCaptures,
  type ScapyCaptures,
  scapyObstacle,
} from "../../support/scapy/captures.ts";
import { askTshark, tsharkObstacle } from "../../support/tshark.ts";

const obstacle = scapyObstacle() ?? tsharkObstacle();

const V4 = ["--local", "192.0.2.1", "--remote", "192.0.2.2"];
const V6 = ["--local", "2001:db8::1", "--remote", "2001:db8::2"];

/** Packets of a capture file, behind `skip` bytes of each. */
function packetsOf(path: string, skip: number): string[] {
  const reader = new CaptureReader();
  return [...reader.read(readFileSync(path))].map(({ bytes }) =>
    Buffer.from(bytes).subarray(skip).toString("hex"),
  );
}

describe("causeway encap", () => {
  let captures: ScapyCaptures;
  beforeAll(() => {
    if (obstacle !== undefined) return;
    captures = makeScapyCaptures();
  });
  beforeEach((context) => {
    if (obstacle !== undefined) context.skip(obstacle);
  });
  afterAll(() => captures?.remove());

  test.each([
    ["vxlan", V4, 50],
    ["vxlan", V6, 70],
    ["ipip", V4, 20],
    ["ipip", V6, 40],
  ])(
    "%s %j: tshark finds the packets in their headers, and so does decode",
    async (mode, ends, overhead) => {
      const [input, output] = [captures.path("plain.pcap"), captures.path("out.pcap")];
      const flags = ["--mode", mode, ...ends, "--vni", "77", "--port", "8472"];
      const result = await causeway(["encap", input, output, ...flags]);
      const end = `up to ${1500 - overhead} bytes each without fragments\n`;
      const stdout = `6 packets of 6 encapsulated in 6, ${end}`;
      expect(result).toEqual({ code: 0, stderr: "", stdout });
      expect(packetsOf(output, overhead)).toEqual(packetsOf(input, 14));
      const found = askTshark([output], [8472]);
      const plain = askTshark([input], []);
      for (const [at, { ips, vnis, time }] of found.entries()) {
        expect(ips.slice(1)).toEqual(plain[at]?.ips);
        expect(ips[0]).toMatchObject({ source: ends[1], destination: ends[3] });
        expect(vnis).toEqual(mode === "vxlan" ? [77] : []);
        expect(time).toBe(plain[at]?.time);
      }
      const decoded = await causeway(["decode", "--json", output]);
      expect(decoded.stdout).not.toContain('"refused"');
    },
  );

  test("names what is refused, and writes the rest", async () => {
    const [input, output] = [captures.path("fields.pcap"), captures.path("out.pcap")];
    const flags = ["--mode", "vxlan", ...V4, "--mtu", "130"];
    const { code, stdout } = await causeway(["encap", input, output, ...flags]);
    expect(code).toBe(1);
    // The first has DF, the third is IPv6 and under 1280 bytes: its outer packet is fragmented.
    expect(stdout).toBe(
      "packet 1, 100 bytes: does not fit the path, and may not be fragmented\n" +
        "2 packets of 3 encapsulated in 3, up to 80 bytes each without fragments\n",
    );
    const json = await causeway(["encap", input, output, ...flags, "--json"]);
    expect(JSON.parse(json.stdout)).toEqual({
      read: 3,
      written: 3,
      innerMtu: 80,
      refused: [
        { number: 1, length: 100, reason: "does not fit the path, and may not be fragmented" },
      ],
    });
  });

  test("names what is no packet to it, and a damaged file", async () => {
    const output = captures.path("out.pcap");
    const flags = ["--mode", "ipip", ...V4];
    const other = await causeway(["encap", captures.path("other.pcap"), output, ...flags]);
    expect(other.stdout).toContain("packet 1, 42 bytes: neither IPv4 nor IPv6\n");
    const cut = await causeway(["encap", captures.path("cut-ipip.pcap"), output, ...flags]);
    expect(cut.stdout).toContain("bytes: captured in part only\n");
    const junk = await causeway(["encap", captures.path("expected.json"), output, ...flags]);
    expect(junk.code).toBe(1);
    expect(junk.stdout).toContain("expected.json: offset 0: neither a pcap nor a pcapng file");
  });

  test("takes what the outer header should say", async () => {
    const [input, output] = [captures.path("fields.pcap"), captures.path("out.pcap")];
    const own = ["--ttl", "9", "--dscp", "inherit", "--df", "inherit"];
    await causeway(["encap", input, output, "--mode", "ipip", ...V4, ...own]);
    const { stdout } = await causeway(["decode", "--json", output]);
    const outers = stdout
      .trimEnd()
      .split("\n")
      .map((line) => (JSON.parse(line) as { layers: object[] }).layers[0]);
    expect(outers[0]).toMatchObject({ ttl: 9, trafficClass: 0xba, dontFragment: true });
    // A mark is the mark of one tunnel: the inner one is not copied.
    expect(outers[1]).toMatchObject({ ttl: 9, trafficClass: 2, dontFragment: false });
  });
});

test.each([
  [["--mode", "gre", ...V4], /--mode <mode>" argument "gre" is invalid/],
  [["--mode", "ipip", "--local", "192.0.2.1"], /required option "--remote <address>"/],
  [
    ["--mode", "ipip", "--local", "192.0.2.1", "--remote", "x"],
    /--remote "x" is not an IP address/,
  ],
  [["--mode", "ipip", "--local", "192.0.2.1", "--remote", "::1"], /are not of one address family/],
  [["--mode", "vxlan", ...V6, "--mtu", "137"], /138 is the least/],
  [["--mode", "vxlan", ...V4, "--vni", "0"], /--vni "0": not a number from 1 to 16777215/],
])("causeway encap refuses %j", async (flags, message) => {
  const { code, stderr } = await causeway(["encap", "in.pcap", "out.pcap", ...flags]);
  expect(code).toBe(64);
  expect(stderr).toMatch(message);
});

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { parseCidr } from "../../../encap/address/cidr.ts";
import { PodNetwork } from "../../../src/cni/pod-network.ts";
import type { LocalTunnels } from "../../../tunnels/desired/local-tunnel.ts";
import { newBlock } from "../../../tunnels/ipam/allocation-block.ts";
import type { Link } from "../../../tunnels/kernel/kernel-state.ts";

const directory = mkdtempSync(join(tmpdir(), "causeway-cni-"));
afterAll(() => rmSync(directory, { recursive: true }));

const log = pino({ level: "silent" });
const V4 = newBlock(parseCidr("10.1.0.64/26"), "alder", 1);
const V6 = newBlock(parseCidr("fd00::40/122"), "alder", 1);
const UNDERLAY = {
  parents: new Set(["eth0"]),
  actual: { links: new Map([["eth0", { name: "eth0", mtu: 9000 } as Link]]) },
};
const tunnels = (...mtus: number[]) =>
  Object.fromEntries(mtus.map((mtu, at) => [`tunnel${at}`, { mtu }])) as unknown as LocalTunnels;

function network(name: string) {
  const runDir = join(directory, name);
  const cniDir = join(runDir, "net.d");
  const pods = new PodNetwork({ runDir, cniDir, log });
  const files = [runDir, cniDir].map((where) =>
    join(where === cniDir ? where : join(where, "cni"), "10-causeway.conflist"),
  ) as [string, string];
  return { pods, runDir, cniDir, files, read: () => JSON.parse(readFileSync(files[1], "utf8")) };
}

test("the conflist has the blocks of the node and the MTU of the narrowest tunnel", () => {
  const { pods, runDir, files, read } = network("both");
  pods.keep({ podBlocks: [V4, V6] }, tunnels(1450, 1430), UNDERLAY);
  expect(read()).toEqual({
    cniVersion: "0.4.0",
    name: "causeway",
    plugins: [
      {
        type: "ptp",
        mtu: 1430,
        ipam: {
          type: "host-local",
          dataDir: join(runDir, "cni", "addresses"),
          ranges: [
            [
              {
                subnet: "10.1.0.64/26",
                rangeStart: "10.1.0.66",
                rangeEnd: "10.1.0.125",
                gateway: "10.1.0.126",
              },
            ],
            [
              {
                subnet: "fd00::40/122",
                rangeStart: "fd00::41",
                rangeEnd: "fd00::7e",
                gateway: "fd00::7f",
              },
            ],
          ],
          routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
        },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
  expect(readFileSync(files[0], "utf8")).toBe(readFileSync(files[1], "utf8"));
});

test("the conflist is written when something changed, whole, and not otherwise", () => {
  const { pods, cniDir, files, read } = network("changes");
  pods.keep(undefined, tunnels(), UNDERLAY);
  pods.keep({ podBlocks: [V4] }, tunnels(), UNDERLAY);
  expect(read().plugins[0].mtu).toBe(9000);
  const { ino } = statSync(files[1]);
  pods.keep({ podBlocks: [V4] }, tunnels(), UNDERLAY);
  expect(statSync(files[1]).ino).toBe(ino);
  pods.keep({ podBlocks: [V4] }, tunnels(8950), UNDERLAY);
  expect(statSync(files[1]).ino).not.toBe(ino);
  expect(readdirSync(cniDir)).toEqual(["10-causeway.conflist"]);
  pods.keep({ podBlocks: [] }, tunnels(), UNDERLAY);
  expect(read().plugins[0].mtu).toBe(8950);
});

test("a conflist that cannot be written, or has no addresses, is a problem until it is mended", () => {
  const runDir = join(directory, "refused");
  const cniDir = join(directory, "a-file");
  writeFileSync(cniDir, "");
  const pods = new PodNetwork({ runDir, cniDir, log });
  pods.keep({ podBlocks: [V4] }, tunnels(), UNDERLAY);
  expect(pods.problems()[0]?.reason).toContain(`cannot write ${cniDir}/10-causeway.conflist`);
  rmSync(cniDir);
  pods.keep({ podBlocks: [V4] }, tunnels(), UNDERLAY);
  expect(pods.problems()).toEqual([]);
  const small = newBlock(parseCidr("10.1.0.64/32"), "alder", 1);
  pods.keep({ podBlocks: [small] }, tunnels(), UNDERLAY);
  expect(pods.problems()[0]?.reason).toBe("no address for pods is left in 10.1.0.64/32");
});

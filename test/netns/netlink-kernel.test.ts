/**
 * NetlinkKernel against the machine's own kernel. Every case gets a network namespace of its own:
 *
 *   under0 (10.0.0.1/24, fd00::1/64) ---veth--- under1
 *
 * The compiled program is tested, because Node cannot run a worker thread from TypeScript; the
 * global set-up of these tests compiles it.
 */
import { execFile, execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import { type MacAddress, parseMac } from "../../encap/address/mac-address.ts";
import { PathTable } from "../../tunnels/kernel/path-table.ts";
import { runKernelCases } from "../conformance/kernel.cases.ts";
import {
  addressOp,
  applyAll,
  codesOf,
  fdbOp,
  type Lab,
  LINK,
  linkOp,
  nexthopOp,
  type Outsider,
  PARENT,
  VXLAN,
  Witness,
} from "../conformance/kernel-lab.ts";
import { readRoutes } from "../conformance/read-routes.ts";

type Compiled = typeof import("../../src/netlink/netlink-kernel.ts");
const COMPILED = "../../.cache/js/src/netlink/netlink-kernel.js";

const run = promisify(execFile);
const PREFIX = `cwnl-${process.pid}-`;
let count = 0;

async function openNamespace(): Promise<{ name: string; ip: (command: string) => Promise<void> }> {
  const name = `${PREFIX}${++count}`;
  await run("ip", ["netns", "add", name]);
  const ip = async (command: string): Promise<void> => {
    await run("ip", ["-n", name, ...command.split(" ")]);
  };
  await ip("link set lo up");
  await ip(`link add ${PARENT} type veth peer name under1`);
  await ip("link set under1 up");
  await ip(`link set ${PARENT} up`);
  await ip(`address add 10.0.0.1/24 dev ${PARENT}`);
  await ip(`address add fd00::1/64 dev ${PARENT} nodad`);
  return { name, ip };
}

async function openLab(): Promise<Lab> {
  const { NetlinkKernel } = (await import(COMPILED)) as Compiled;
  const { name, ip } = await openNamespace();
  const kernel = await NetlinkKernel.open(new PathTable(), { netns: `/run/netns/${name}` });
  const version = (text: string): string => (text.includes(":") ? "-6 " : "");
  const outsider: Outsider = {
    setLink: (device, change) => {
      const what = typeof change === "string" ? change : Object.entries(change).flat().join(" ");
      return ip(`link set ${device} ${what.replace("mac", "address")}`);
    },
    deleteLink: (device) => ip(`link del ${device}`),
    addRoute: ({ to, via, dev, metric }) =>
      ip(
        `${version(to)}route add ${to} via ${via} dev ${dev} metric ${metric ?? (version(to) === "" ? 0 : 1024)}`,
      ),
    deleteRoute: (to) => ip(`${version(to)}route del ${to}`),
    deleteNeighbour: (device, address) => ip(`neighbour del ${address} dev ${device}`),
    deleteFdb: async (device, mac) => {
      await run("bridge", ["-n", name, "fdb", "del", mac, "dev", device, "self"]);
    },
    deleteNexthop: (id) => ip(`nexthop del id ${id}`),
    deleteAddress: (device, address) => ip(`address del ${address} dev ${device}`),
  };
  return {
    kernel,
    outsider,
    close: async () => {
      await kernel.close();
      await run("ip", ["netns", "del", name]);
    },
  };
}

describe.skipIf(process.getuid?.() !== 0)("as root", () => {
  afterAll(async () => {
    const left = readdirSync("/run/netns").filter((name) => name.startsWith(PREFIX));
    for (const name of left) await run("ip", ["netns", "del", name]);
  });

  runKernelCases("NetlinkKernel", openLab);

  test("a namespace that never had a route has none", async () => {
    const { NetlinkKernel } = (await import(COMPILED)) as Compiled;
    const name = `${PREFIX}${++count}`;
    await run("ip", ["netns", "add", name]);
    const kernel = await NetlinkKernel.open(new PathTable(), { netns: `/run/netns/${name}` });
    try {
      expect((await readRoutes(kernel, 4)).owned.size).toBe(0);
      expect((await readRoutes(kernel, 6)).owned.size).toBe(0);
    } finally {
      await kernel.close();
      await run("ip", ["netns", "del", name]);
    }
  });

  test("a new device under an old name is found by its new number", async () => {
    const lab = await openLab();
    try {
      await applyAll(lab.kernel, [linkOp("add", LINK)]);
      await lab.outsider.deleteLink(VXLAN);
      await applyAll(lab.kernel, [linkOp("add", LINK), fdbOp("replace", "10.0.0.2")]);
      await lab.outsider.deleteLink(VXLAN);
      // Nobody listens to events here, so the old number is what we know.
      expect(codesOf(await lab.kernel.apply([fdbOp("replace", "10.0.0.2")]))).toEqual(["ENODEV"]);
    } finally {
      await lab.close();
    }
  });

  test("another device with the number that was to be a new one's gets nothing of what is its", async () => {
    const lab = await openLab();
    try {
      const [link, fdb] = [[linkOp("add", LINK)], [fdbOp("replace", "10.0.0.2")]];
      for (const ops of [link, fdb]) await lab.kernel.prepare(ops);
      const links = await lab.kernel.readLinks();
      const next = Math.max(...[...links.values()].map(({ ifindex }) => ifindex)) + 1;
      const other = `type vxlan id 9 dev ${PARENT} dstport 9999`.split(" ");
      const name = `${PREFIX}${count}`;
      await run("ip", ["-n", name, "link", "add", "other0", "index", String(next), ...other]);
      expect(codesOf(await lab.kernel.apply(link))).toEqual(["EEXIST"]);
      expect(codesOf(await lab.kernel.apply(fdb))).toEqual(["ENODEV"]);
      expect(await lab.kernel.apply(link)).toEqual([]);
      expect(await lab.kernel.apply(fdb)).toEqual([]);
      const { stdout } = await run("bridge", ["-n", name, "fdb", "show", "dev", "other0"]);
      expect(stdout).not.toContain("10.0.0.2");
    } finally {
      await lab.close();
    }
  });

  test("more events than the socket holds are an overrun, and later ones still come", async () => {
    const lab = await openLab();
    try {
      await applyAll(lab.kernel, [linkOp("add", LINK), addressOp("add", "10.1.0.0")]);
      await applyAll(lab.kernel, [nexthopOp("add", 7, "10.1.0.64")]);
      const witness = await Witness.of(lab.kernel);
      const routes = Array.from({ length: 60_000 }, (_, index) => {
        const to = `10.${64 + (index >> 10)}.${(index >> 2) & 255}.${(index & 3) << 6}/26`;
        return `route add ${to} nhid 7 proto 202\n`;
      });
      // Nobody reads the socket while another process fills it.
      const name = `${PREFIX}${count}`;
      execFileSync("ip", ["-n", name, "-batch", "-"], { input: routes.join("") });
      await witness.until(({ kind }) => kind === "overrun");
      expect(witness.changes.length).toBeLessThan(60_000);
      await lab.outsider.deleteRoute("10.64.0.0/26");
      await witness.until((change) => change.kind === "route" && change.deleted);
    } finally {
      await lab.close();
    }
  });

  test("a flood of events is told before an operation that comes after it answers", async () => {
    const lab = await openLab();
    try {
      await applyAll(lab.kernel, [linkOp("add", LINK)]);
      const witness = await Witness.of(lab.kernel);
      const routes = Array.from({ length: 5_000 }, (_, index) => {
        return `route add 10.64.${index >> 5}.${(index & 31) << 3}/29 dev ${VXLAN} proto 202\n`;
      });
      execFileSync("ip", ["-n", `${PREFIX}${count}`, "-batch", "-"], { input: routes.join("") });
      await applyAll(lab.kernel, [addressOp("add", "10.1.0.0")]);
      const told = witness.changes.filter(({ kind }) => kind === "route" || kind === "overrun");
      expect(told).toHaveLength(5_000);
    } finally {
      await lab.close();
    }
  });

  test("an FDB dump is complete while others change the FDB", async () => {
    const lab = await openLab();
    try {
      const mac = (index: number): MacAddress =>
        parseMac(`66:01:00:00:${hex(index >> 8)}:${hex(index & 255)}`);
      const stable = Array.from({ length: 500 }, (_, index) =>
        fdbOp("replace", "10.0.0.2", mac(index)),
      );
      await applyAll(lab.kernel, [linkOp("add", LINK), ...stable]);
      await Witness.of(lab.kernel);
      const name = `${PREFIX}${count}`;
      const churn = Array.from({ length: 2_000 }, (_, index) => [
        `fdb add 66:02:00:00:${hex(index >> 8)}:${hex(index & 255)} dev ${VXLAN} dst 10.0.0.3 self`,
      ]);
      const churning = run("bridge", ["-n", name, "-batch", "-"]);
      churning.child.stdin?.end(`${churn.join("\n")}\n`);
      for (let dump = 0; dump < 5; dump++) await lab.kernel.readFdb([VXLAN]);
      await churning;
      expect((await lab.kernel.readFdb([VXLAN])).size).toBe(2_500);
    } finally {
      await lab.close();
    }
  });
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
